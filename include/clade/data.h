/* Data sets: random access to labelled images, and a loader that fills batches ahead of the device.
 *
 * Images are float32, NCHW, in [0, 1] (bytes divided by 255); labels are int32, 0 .. classes - 1, or dense targets:
 * vectors of float32. */
#ifndef CLADE_DATA_H
#define CLADE_DATA_H

#include <stdbool.h>

#include "clade/context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct clade_dataset clade_dataset;

/* Opens the data set that SPEC names, as a training part and a test part:
 *     digits                     20,000 + 4,000 digits drawn by Clade, 28x28 grey
 *     digits:TRAIN,TEST[,SEED]   other numbers of them, of another seed (default 0)
 *     mnist:DIR, fashion:DIR     a folder of IDX files of ten classes
 *     idx:DIR                    the same of any shape and number of classes
 *     points:KIND[,TRAIN,TEST[,SEED]]   points of the plane drawn by Clade: images of two channels and one pixel, x and y
 *                                about in [-1, 1]; KIND is clusters, moons, rings, spiral or checker (default 1,000 + 500)
 *     cifar10:DIR[,flip][,crop=PIXELS]   CIFAR-10's binary files, data_batch_*.bin and test_batch.bin
 *     images:DIR[,size=HEIGHTxWIDTH][,grey|colour][,flip][,crop=PIXELS]   JPEG and PNG files, a folder for each class, in
 *                                DIR/train and DIR/test; or in DIR, where every fifth of a class is a test picture
 *     csv:FILE[,target=COLUMN|,number=COLUMN...][,test=FILE][,skip=COLUMN...][,words=COLUMN...]   a table with a line of
 *                                names: rows become images (columns, 1, 1); numbers are normalised, words one-hot
 *     npy:X.npy,Y.npy[,X.npy,Y.npy]   arrays: X (N, ...), Y (N) integers for classes, or (N[, K]) floats for targets
 * flip and crop augment the training part: see docs/data.md, which has the whole of it.
 * An IDX folder holds, for each part, one file of images and one of labels, plain or gzip, whose names have "train" or "t10k"
 * or "test", and "images" or "labels": train-images-idx3-ubyte.gz. Either pointer may be NULL when that part is not
 * wanted; the caller frees each. CLADE_ERROR_ARGUMENT for a SPEC that is not understood (the text lists what is),
 * CLADE_ERROR_INPUT for a missing or malformed file. */
CLADE_API clade_status clade_dataset_open(clade_context *context, const char *spec, clade_dataset **train,
                                          clade_dataset **test);
/* The same; pictures of files of any size (images:) become SIZE: channels (1 or 3), height and width, what a model takes.
 * Options in the spec go before it. The other kinds keep their own size. */
CLADE_API clade_status clade_dataset_open_sized(clade_context *context, const char *spec, const int64_t size[3],
                                                clade_dataset **train, clade_dataset **test);
/* Free the slices and loaders of a data set before it. */
CLADE_API void clade_dataset_free(clade_dataset *dataset);

typedef struct clade_dataset_info {
    const char *name; /* "mnist train", owned by the data set */
    int64_t count;    /* samples */
    int64_t channels, height, width;
    int64_t classes; /* 0 for a data set of dense targets */
    int64_t targets; /* floats in a sample's dense target; 0: samples have class numbers */
} clade_dataset_info;
CLADE_API clade_dataset_info clade_dataset_describe(const clade_dataset *dataset);

/* The name of the class of that number ("kitchen"), owned by the data set; NULL where classes have none. */
CLADE_API const char *clade_dataset_class(const clade_dataset *dataset, int64_t class_number);

/* Reads the samples INDICES[0 .. count - 1] into IMAGES (count, channels, height, width) and LABELS (count); either may
 * be NULL. Several threads may read one data set at once. CLADE_ERROR_ARGUMENT for an index out of range. */
CLADE_API clade_status clade_dataset_read(clade_dataset *dataset, const int64_t *indices, int64_t count, float *images,
                                          int32_t *labels);

/* Reads their targets into TARGETS (count, WIDTH): the dense ones, of which WIDTH must be the number, or one-hot vectors of
 * the class numbers, of which there must be no more than WIDTH. */
CLADE_API clade_status clade_dataset_read_targets(clade_dataset *dataset, const int64_t *indices, int64_t count,
                                                  int64_t width, float *targets);

/* A data set of arrays in memory, which are copied: INFO (name, count, channels, height, width, and classes or targets),
 * images (count, channels, height, width), and either labels (count), 0 .. classes - 1, or targets (count, info.targets);
 * the other NULL. A table of numbers is images of (columns, 1, 1). CLADE_ERROR_ARGUMENT when these do not fit each other. */
CLADE_API clade_status clade_dataset_from_arrays(clade_context *context, const clade_dataset_info *info,
                                                 const float *images, const int32_t *labels, const float *targets,
                                                 clade_dataset **dataset);

/* Samples FIRST .. FIRST + COUNT - 1 as a data set of their own, which borrows DATASET. */
CLADE_API clade_status clade_dataset_slice(clade_dataset *dataset, int64_t first, int64_t count, clade_dataset **slice);

/* Two slices of DATASET: HELD_OUT samples for validation, and the rest. Which ones depends on the sizes alone, never on
 * a run's seed, so that every run holds out the same samples; each slice keeps the samples' order. */
CLADE_API clade_status clade_dataset_split(clade_dataset *dataset, int64_t held_out, clade_dataset **rest,
                                           clade_dataset **held);

/* Permutes the labels among the samples by SEED: a control, on which nothing can be learnt that holds on other data.
 * Before slices and loaders are made of DATASET. */
CLADE_API clade_status clade_dataset_shuffle_labels(clade_dataset *dataset, uint64_t seed);

/* Reads a picture file as a model's input: JPEG or PNG of any size, scaled until it covers the size asked for, and cut to it
 * from the middle (channels 1 or 3); PGM (P2, P5), or NPY of shape (H,W), (C,H,W) or (1,C,H,W) and type uint8
 * (divided by 255), float32 or float64 (taken as it is, so in [0, 1]), of that size. OUT has room for channels * height *
 * width. CLADE_ERROR_INPUT when its size is not the one asked for. */
CLADE_API clade_status clade_image_load(clade_context *context, const char *path, int64_t channels, int64_t height,
                                        int64_t width, float *out);
/* The sizes that such a file has of its own: channels (1 or 3 of a picture), height, width. */
CLADE_API clade_status clade_image_sizes(clade_context *context, const char *path, int64_t image[3]);

/* ---- loader: threads that fill batches ahead ---- */

typedef struct clade_loader clade_loader;

typedef struct clade_loader_options {
    size_t size;         /* sizeof(clade_loader_options) */
    int64_t batch;       /* samples in a batch; at least 1 */
    uint64_t seed;       /* of the order */
    bool shuffle;        /* a new order every epoch; else the data set's own */
    bool drop_remainder; /* leave out the last batch when it is not full */
    int64_t depth;       /* slots: batches filled or in use at once; 0: 4, at least 3 */
    int64_t threads;     /* that fill; 0: 1, or more where samples are files to be decoded, and then more slots too */
    int64_t targets;     /* width of each sample's target, as of clade_dataset_read_targets(); 0: none are read */
    bool augment;        /* as the data set's spec says, by seed, epoch and sample; else its images are as they are */
    /* Only a part of each batch, for one of several processes that share it: of a batch of n samples those from
     * n * part_from / part_of to before n * part_to / part_of, rounded down; part_of 0: all. */
    int64_t part_from, part_to, part_of;
} clade_loader_options;

/* One batch, in a slot of the loader's. The memory stays as it is until clade_loader_release(). */
typedef struct clade_batch {
    const float *images;   /* (options.batch, channels, height, width), less of a part; past COUNT zeros */
    const int32_t *labels; /* (options.batch); past COUNT zeros */
    const float *targets;  /* (options.batch, options.targets); past COUNT zeros; NULL without */
    int64_t count;         /* samples in it; 0: the epoch is over, or see WHOLE */
    int64_t first;         /* position of its first sample in the epoch */
    int64_t whole;         /* samples of the batch, of which COUNT are this loader's part (then COUNT may be 0) */
    int64_t slot;
} clade_batch;

/* A loader of DATASET (borrowed). What it delivers is a function of the options, epoch and batch number alone. */
CLADE_API clade_status clade_loader_new(clade_dataset *dataset, const clade_loader_options *options,
                                        clade_loader **loader);
/* Stops at once, wherever it is, and frees the slots. */
CLADE_API void clade_loader_free(clade_loader *loader);

/* Batches in an epoch. */
CLADE_API int64_t clade_loader_batches(const clade_loader *loader);

/* Begins EPOCH at its batch FIRST_BATCH (0, or where a run resumes), at any time: batches filled but not taken are
 * dropped. Batches taken and not yet released stay as they are. */
CLADE_API clade_status clade_loader_start(clade_loader *loader, int64_t epoch, int64_t first_batch);

/* The next batch of the epoch, waiting until it is filled; count 0 past the last. A sample that cannot be read gives
 * its error here, when its batch is due. CLADE_ERROR_ARGUMENT when every slot is held by the caller. */
CLADE_API clade_status clade_loader_next(clade_loader *loader, clade_batch *batch);

/* Gives the slot back, once nothing (an upload still under way) reads it. */
CLADE_API void clade_loader_release(clade_loader *loader, const clade_batch *batch);

/* Seconds that clade_loader_next() has waited for a batch since the loader was made: time when the device starved. */
CLADE_API double clade_loader_waited(const clade_loader *loader);

#ifdef __cplusplus
}
#endif
#endif
