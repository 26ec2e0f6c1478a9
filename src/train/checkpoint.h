/* Checkpoints: a run's whole state in one file.
 *
 * The file, all numbers little-endian and eight bytes long, every item padded with zeros to a multiple of eight:
 *     "CLADECKP", version, bytes of the whole file
 *     settings, choices        texts: length with the closing zero, bytes. "name = value" a line (settings.c); the
 *                              implementations that the plans chose (clade_session_choices)
 *     run state                count, numbers (run_state.h); each format has more of them than the one before
 *     states                   count; of each: name, role, dtype, rank, sizes, bytes, little-endian float32 numbers
 *     SHA-256 of all before, 32 bytes
 * Reading believes no size before it has checked it against what is left, so hostile bytes are as safe as damaged ones. */
#ifndef CLADE_TRAIN_CHECKPOINT_H
#define CLADE_TRAIN_CHECKPOINT_H

#include "exec/session.h"
#include "train/run_state.h"

typedef struct clade_checkpoint_state {
    const char *name;
    clade_role role;
    clade_dims dims;
    int64_t count;       /* elements */
    const uint8_t *data; /* 4 * count bytes */
} clade_checkpoint_state;

typedef struct clade_checkpoint {
    clade_context *context;
    const char *settings, *choices; /* these and the states' names and data lie in the bytes that were parsed */
    clade_run_state run;
    clade_checkpoint_state *states;
    size_t state_count;
    char *bytes; /* owned, when read from a file */
} clade_checkpoint;

/* The bytes of a checkpoint of SESSION's states; the caller frees *BYTES with clade_free(). */
clade_status clade_checkpoint_encode(clade_context *context, clade_session *session, const char *settings,
                                     const clade_run_state *run, uint8_t **bytes, size_t *size);
/* CHECKPOINT borrows BYTES. NAME is for the error text. CLADE_ERROR_INPUT when they are no checkpoint, or damaged. */
clade_status clade_checkpoint_parse(clade_context *context, const char *name, const uint8_t *bytes, size_t size,
                                    clade_checkpoint *checkpoint);
clade_status clade_checkpoint_read(clade_context *context, const char *path, clade_checkpoint *checkpoint);
void clade_checkpoint_free(clade_checkpoint *checkpoint); /* accepts a zeroed one */

/* The numbers of STATE, in this machine's order of bytes; NUMBERS has room for them. */
void clade_checkpoint_numbers(const clade_checkpoint_state *state, float *numbers);

/* Writes the checkpoint's states into SESSION: every state of the session must be there, with the same dims. States of
 * the checkpoint that the session lacks (an optimiser's, for a predictor) are left aside. NAME is for the error text. */
clade_status clade_checkpoint_restore(const clade_checkpoint *checkpoint, const char *name, clade_session *session);

#endif
