/* A model's gradient over a batch, as devices that share it compute it, as one device does, and as the references do in
 * double: what tests of several devices and of ranks compare.
 *
 * A gradient is compared as one vector of all trained numbers: element by element, the largest difference as a share of
 * the largest element; and by the norm of the difference as a share of the norm. Convolutions are those that sum products
 * as they are (CLADE_FORCE=direct), on one device as on several: Winograd's transforms round twice as much.
 *
 * Where a rounding takes an activation to the other side of a ReLU's kink, or makes another element the largest of a
 * window, the gradient changes by far more than rounding, on one device too. So these decisions are compared, and a draw
 * of the images counts when all decided alike.
 */
#ifndef CLADE_TESTS_SUPPORT_GRADIENTS_H
#define CLADE_TESTS_SUPPORT_GRADIENTS_H

#include "support/device.h"

#include "train/optimizer.h"
#include "train/pipeline.h"

/* A model's graph with its gradients and their sums over devices, and a batch of drawn images. */
typedef struct gradient_problem {
    clade_context *context;
    clade_graph *graph;
    clade_feed feed, summed;
    clade_trained trained;
    int64_t batch, pixels;
    float *images; /* (batch, pixels) */
    int32_t *labels;
    clade_value *decisions; /* the ReLUs' results, and which element each max-pooling took */
    size_t decision_count;
    size_t decisions_per; /* of a sample, in all */
} gradient_problem;

/* MODEL of the zoo; its states begin by seed 0. Sets CLADE_FORCE. Fails the test where it cannot. */
void gradient_pose(clade_context *context, const char *model, int64_t batch, gradient_problem *p);
void gradient_draw_images(gradient_problem *p, uint64_t seed);
void gradient_withdraw(gradient_problem *p);

/* One device's part in it: samples FIRST to FIRST + COUNT - 1. */
typedef struct gradient_part {
    const gradient_problem *p;
    clade_device *device; /* borrowed; in a group or alone */
    int64_t first, count;
    double *own, *sums;  /* gradients, side by side: of the device, weighted by its share, and over all devices */
    uint16_t *decisions; /* (count, decisions_per); of a ReLU 1: the result is above 0 */
    float loss, correct;
    clade_status status;
} gradient_part;

void gradient_part_make(const gradient_problem *p, clade_device *device, int64_t first, int64_t count,
                        gradient_part *part);
void gradient_part_free(gradient_part *part);
/* Computes it, with batch norm over the samples of all devices; PART is a gradient_part. On a thread of its own where the
 * device is in a group. Returns NULL. */
void *gradient_part_run(void *part);

/* One device with the whole batch, the exact gradient, and how far the two are apart. */
typedef struct gradient_judge {
    gradient_problem p;
    clade_device *device;
    gradient_part alone;
    double *exact;    /* by the references, in double */
    bool exact_alike; /* they decided as ALONE did */
    double apart;     /* of ALONE from EXACT */
} gradient_judge;

void gradient_judge_open(clade_context *context, const char *model, int64_t batch, gradient_judge *judge);
/* Draws the images and computes both. */
void gradient_judge_draw(gradient_judge *judge, uint64_t seed);
void gradient_judge_close(gradient_judge *judge);

/* The norm of A - B as a share of B's, COUNT numbers each. */
double gradient_difference(const double *a, const double *b, int64_t count);

/* How far the sums over devices are from: the devices' own gradients, added in double on the host; one device's gradient,
 * by the norm and element by element; the exact one. ALIKE: all decided alike, so that these are roundings. */
typedef struct gradient_verdict {
    double host, one, largest, exact;
    bool alike;
} gradient_verdict;

/* Of COUNT parts that make up the batch. Prints the numbers after WHO. Fails the test where HOST is not below 1e-7, or,
 * when all decided alike, an element not within 1e-6 of the largest, or ONE or EXACT not below 1.5e-6: a gradient of
 * ResNet-20 is itself 1.1e-6 from the exact one on one device. */
gradient_verdict gradient_judge_parts(const gradient_judge *judge, const char *who, const gradient_part *parts,
                                      size_t count);

#endif
