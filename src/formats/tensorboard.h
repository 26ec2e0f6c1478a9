/* Event files as TensorBoard reads them, for writing: scalars and pictures, each of a tag at a step.
 *
 * A file is a row of records, numbers little-endian:
 *     length of the message (8 bytes), check of these 8, the message (tensorboard.proto), check of the message
 * where a check is CRC-32C, turned right by 15 bits plus 0xa282ead8 (TFRecord, tensorflow.org/tutorials/load_data/tfrecord).
 * What is added is kept back until it is flushed, so that a full disk never leaves half a record. */
#ifndef CLADE_FORMATS_TENSORBOARD_H
#define CLADE_FORMATS_TENSORBOARD_H

#include "base/text.h"
#include "formats/picture.h"

typedef struct clade_event_file {
    clade_context *context;
    char *path;
    clade_text pending; /* whole records, not yet in the file */
} clade_event_file;

/* A new file in FOLDER, which is made if absent; it begins with its version and the start of a run after STEP steps: what
 * earlier files of the folder have of later steps no longer counts. Free FILE with clade_event_file_free(). */
clade_status clade_event_file_open(clade_context *context, const char *folder, int64_t step, clade_event_file *file);
/* Accepts a zeroed one; what was not flushed is dropped. */
void clade_event_file_free(clade_event_file *file);

/* A number that is not finite is left out. What goes wrong is told when flushing. */
void clade_event_file_add_scalar(clade_event_file *file, int64_t step, const char *tag, double value);
clade_status clade_event_file_add_picture(clade_event_file *file, int64_t step, const char *tag,
                                          const clade_picture *picture);
/* Appends what was added, all of it or nothing. */
clade_status clade_event_file_flush(clade_event_file *file);

/* One record around a message of COUNT bytes, appended to OUT. */
void clade_event_record(clade_text *out, const void *message, size_t count);

#endif
