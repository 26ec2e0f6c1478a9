/* The inside of a data set: a source of samples behind one small table of functions. Adding a kind of data set is a
 * source, and a row in dataset.c's table of specs. */
#ifndef CLADE_DATA_DATASET_H
#define CLADE_DATA_DATASET_H

#include "base/context.h"
#include "clade/data.h"

/* Where samples come from. INDEX has been checked; the functions may be called from several threads at once. */
typedef struct clade_dataset_source {
    clade_status (*image)(const clade_dataset *dataset, int64_t index, float *image);
    int32_t (*label)(const clade_dataset *dataset, int64_t index); /* NULL for dense targets */
    void (*release)(clade_dataset *dataset); /* frees what DATA points to, which may be half built */
    void (*target)(const clade_dataset *dataset, int64_t index, float *target); /* NULL for class numbers */
} clade_dataset_source;

struct clade_dataset {
    clade_context *context;
    const clade_dataset_source *source;
    clade_dataset_info info; /* info.name is owned */
    int32_t *labels;         /* permuted labels in place of the source's; NULL: none */
    void *data;              /* the source's */
};

/* A data set of SOURCE named "WORD PART", with DATA_BYTES of zeroed memory for the source. The caller fills the rest of
 * info and data. Frees with clade_dataset_free() at any stage. */
clade_status clade_dataset_new(clade_context *context, const clade_dataset_source *source, const char *word,
                               const char *part, size_t data_bytes, clade_dataset **dataset);

/* What dataset.c's table opens: WORD is the spec's ("mnist"), REST what follows its colon, NULL without one. */
clade_status clade_digits_open(clade_context *context, const char *word, const char *rest, clade_dataset **train,
                               clade_dataset **test);
clade_status clade_idx_open(clade_context *context, const char *word, const char *rest, clade_dataset **train,
                            clade_dataset **test);
/* The same with ten classes, whatever labels occur. */
clade_status clade_idx_open_ten(clade_context *context, const char *word, const char *rest, clade_dataset **train,
                                clade_dataset **test);

/* CLADE_ERROR_ARGUMENT unless targets of WIDTH floats can be read of DATASET. */
clade_status clade_dataset_check_width(const clade_dataset *dataset, int64_t width);

clade_status clade_points_open(clade_context *context, const char *word, const char *rest, clade_dataset **train,
                               clade_dataset **test);

/* OUT[i] = BYTES[i] / 255. */
void clade_scale_bytes(const uint8_t *bytes, int64_t count, float *out);

#endif
