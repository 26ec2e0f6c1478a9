/* Names that outlive a process: of a site, of a way to carry it out, of a device with its driver, and of the kernels that
 * something launches. */
#ifndef CLADE_TUNE_SIGNATURE_H
#define CLADE_TUNE_SIGNATURE_H

#include "ops/op.h"

/* One way to carry out a site: an implementation and one of its configurations. */
typedef struct clade_choice {
    const clade_implementation *implementation;
    int configuration;
} clade_choice;

/* "packed", or "packed/2" for configuration 2. */
typedef struct clade_choice_name {
    char text[64];
} clade_choice_name;
clade_choice_name clade_choice_text(clade_choice choice);

/* What decides the speed of SITE: the operator, its numbers (the tail among them), its arrays' types and sizes, and
 * whether weights are prepared once and for all. */
void clade_site_signature(const clade_site *site, clade_text *out);

/* Device, driver, platform and the limits that kernels are chosen by in one line, under which what was measured or found
 * wrong is kept. */
void clade_device_signature(const clade_device *device, clade_text *out);

/* ---- kernels ---- */

/* The hashes of the kernel files looked at so far. */
typedef struct clade_kernel_hashes {
    clade_context *context;
    struct clade_kernel_hash {
        char *file;
        uint64_t hash;
    } * list;
    size_t count, capacity;
} clade_kernel_hashes;
void clade_kernel_hashes_free(clade_kernel_hashes *hashes);

/* The kernels of a choice: the files, a hash of all their text with what they include, and one of that and of the code that
 * launches them: what is right with one is wrong with another. */
typedef struct clade_kernels {
    char files[160]; /* "conv_direct.cl tail.cl" */
    uint64_t hash, code;
} clade_kernels;
/* Tells NOTE of every launch of CHOICE at SITE, of which only the sizes are looked at. Compiles nothing. */
clade_status clade_choice_launches(const clade_site *site, clade_choice choice,
                                   void (*note)(void *user, const clade_launch *launch), void *user);
/* Their kernels. */
clade_status clade_choice_kernels(const clade_site *site, clade_choice choice, clade_kernel_hashes *hashes,
                                  clade_kernels *kernels);

#endif
