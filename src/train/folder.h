/* Checkpoints in a folder: checkpoint-STEP.clade, of which the newest valid one counts. */
#ifndef CLADE_TRAIN_FOLDER_H
#define CLADE_TRAIN_FOLDER_H

#include "train/checkpoint.h"

/* FOLDER/NAME in new memory; the caller frees. NULL when memory is short. */
char *clade_folder_path(clade_context *context, const char *folder, const char *name);
char *clade_checkpoint_path(clade_context *context, const char *folder, int64_t step);

/* Reads the newest valid checkpoint in FOLDER. Damaged ones are passed over with a warning that names the file. *PATH
 * (the caller frees) is NULL when there is none. */
clade_status clade_checkpoint_newest(clade_context *context, const char *folder, clade_checkpoint *checkpoint,
                                     char **path);
/* Reads the checkpoint at PATH: the file, or the newest valid one of a folder (CLADE_ERROR_INPUT when it has none). *FILE
 * gets its path, for the caller to free in any case. */
clade_status clade_checkpoint_of_path(clade_context *context, const char *path, clade_checkpoint *checkpoint,
                                      char **file);
/* Removes the checkpoints but the KEEP newest up to STEP; later ones belong to a future that is being written anew. What
 * a process that was killed left half written goes too. */
clade_status clade_checkpoint_prune(clade_context *context, const char *folder, int64_t step, size_t keep);

#endif
