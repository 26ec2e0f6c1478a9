/* What the rows over classes share: x (N, C, ...) with a class number int32 (N, ...) for each pixel. */
#ifndef CLADE_OPS_LOSSES_H
#define CLADE_OPS_LOSSES_H

#include "ops/op.h"

extern const clade_op clade_op_softmax_cross_entropy, clade_op_softmax_cross_entropy_gradient;
extern const clade_op clade_op_negative_log_likelihood, clade_op_negative_log_likelihood_gradient;
extern const clade_op clade_op_one_hot, clade_op_label_weights, clade_op_correct;

/* CLASSES is read where no input says C. SMOOTHING belongs to the cross-entropy alone. */
typedef struct clade_class_attributes {
    bool ignores; /* IGNORE's pixels do not count */
    int64_t ignore, classes;
    double smoothing;
} clade_class_attributes;

/* (N, C, ...) -> (N, ...), and back. */
clade_dims clade_dims_without_classes(const clade_dims *dims);
clade_dims clade_dims_with_classes(const clade_dims *dims, clade_size classes);
/* (N, ...) -> (N, 1, ...), which broadcasts to (N, C, ...). */
clade_value clade_over_classes(clade_value x);
/* Weights (C) -> (C, 1, ...), which broadcasts to RANK axes (N, C, ...). */
clade_value clade_class_column(clade_value weight, int32_t rank);
/* The weight of each label's class, 1 without weights (an invalid value); 0 where the label does not count. */
clade_value clade_label_weights(clade_value label, clade_value weight, const clade_class_attributes *attributes);

/* Whether input INDEX of NODE is absent, or float32 (CLASSES). */
bool clade_class_weight_good(const clade_node *node, uint32_t index, clade_size classes, clade_text *why);
/* Whether TYPE is a class number for each pixel of X; whether X is (N, C, ...) with a fixed C. */
bool clade_classes_good(const clade_type *x, clade_text *why);
bool clade_labels_good(const clade_type *x, const clade_type *type);

/* ---- at a site ---- */

/* N, C and the pixels of a sample, of an array (N, C, ...). */
typedef struct clade_class_sizes {
    int64_t rows, columns, plane;
} clade_class_sizes;

clade_class_sizes clade_class_sizes_of(int32_t rank, const int64_t size[]);
/* A label that counts, or -1. */
int64_t clade_label_at(const clade_class_attributes *attributes, const clade_tensor *labels, int64_t pixel,
                       int64_t classes);
/* The number that no class has where none is ignored. */
int64_t clade_ignored(const clade_class_attributes *attributes);

#endif
