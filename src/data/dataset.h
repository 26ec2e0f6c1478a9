/* The inside of a data set: a source of samples behind one small table of functions. Adding a kind of data set is a
 * source, and a row in dataset.c's table of specs. */
#ifndef CLADE_DATA_DATASET_H
#define CLADE_DATA_DATASET_H

#include "base/context.h"
#include "clade/data.h"
#include "data/augment.h"

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
    char *class_names;       /* info.classes texts one after the other, each ended by a zero; NULL: none; owned */
    int32_t *labels;         /* permuted labels in place of the source's; NULL: none */
    clade_augmentation augmentation; /* of a training part: what a loader does that augments */
    int64_t reading_threads;         /* that a loader starts of its own accord; 0: 1. More where reading is work */
    void *data;                      /* the source's */
};

/* A data set of SOURCE named "WORD PART", with DATA_BYTES of zeroed memory for the source. The caller fills the rest of
 * info and data. Frees with clade_dataset_free() at any stage. */
clade_status clade_dataset_new(clade_context *context, const clade_dataset_source *source, const char *word,
                               const char *part, size_t data_bytes, clade_dataset **dataset);

/* clade_dataset_from_arrays() for a data set named "WORD PART". */
clade_status clade_dataset_of_arrays(clade_context *context, const char *word, const char *part,
                                     const clade_dataset_info *info, const float *images, const int32_t *labels,
                                     const float *targets, clade_dataset **dataset);

/* Sets info.classes to CLASSES, whose names stand in NAMES one after the other, each ended by a zero. */
clade_status clade_dataset_name_classes(clade_dataset *dataset, const char *names, int64_t classes);
/* The number of the class of that name; -1: there is none. */
int64_t clade_dataset_find_class(const clade_dataset *dataset, const char *name);

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

clade_status clade_cifar_open(clade_context *context, const char *word, const char *rest, clade_dataset **train,
                              clade_dataset **test);
clade_status clade_csv_open(clade_context *context, const char *word, const char *rest, clade_dataset **train,
                            clade_dataset **test);
clade_status clade_npy_open(clade_context *context, const char *word, const char *rest, clade_dataset **train,
                            clade_dataset **test);
/* SIZE (channels, height, width) is what the pictures are brought to; NULL: as they are. */
clade_status clade_images_open(clade_context *context, const char *word, const char *rest, const int64_t size[3],
                               clade_dataset **train, clade_dataset **test);

/* OUT[i] = BYTES[i] / 255. */
void clade_scale_bytes(const uint8_t *bytes, int64_t count, float *out);

#endif
