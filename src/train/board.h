/* A run for TensorBoard: curves and pictures in event files (formats/tensorboard.h). The curves are those of
 * metrics.jsonl:
 *     train/loss, train/accuracy, train/rate, train/images_per_second, losses/NAME     at each report
 *     held_out/loss, held_out/accuracy, held_out/top5                                  at each validation
 *     gradient_norm/STATE, zeros/LAYER                                                 at each look at the layers
 *     test/loss, test/accuracy, test/top5                                              at the end
 * and the picture is "filters": what each unit of the first layer looks for, at the start and at each validation's step. */
#ifndef CLADE_TRAIN_BOARD_H
#define CLADE_TRAIN_BOARD_H

#include "clade/train.h"
#include "train/optimizer.h"

typedef struct clade_board clade_board;

/* A new event file in FOLDER for a run that has done STEP steps. The filters are those of the first weights in TRAINED
 * that look at an image of IMAGE (channels, height, width), if any do: a convolution's over 1 or 3 channels, or a dense
 * layer's over all of it. TRAINED is borrowed. */
clade_status clade_board_open(clade_context *context, const char *folder, int64_t step, const clade_trained *trained,
                              const int64_t image[3], clade_board **board);
void clade_board_free(clade_board *board);

/* The next three accept NULL for BOARD, and then do nothing. */

/* A point of the curve GROUP/NAME; a number that is not finite is left out. What goes wrong is told when flushing. */
void clade_board_add(clade_board *board, int64_t step, const char *group, const char *name, double number);
clade_status clade_board_flush(clade_board *board);
/* The picture of the filters as they are in SESSION, with which the caller waits. */
clade_status clade_board_add_filters(clade_board *board, int64_t step, clade_session *session);

#endif
