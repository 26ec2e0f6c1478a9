/* Convolution by a kernel that covers its image, and its gradients, on CPU-like devices. With one pixel of results, x
 * (N, C, R, S), w (K, C, R, S) and y (N, K, 1, 1) are matrices as they lie, and
 *     y = x w^T,   dx = dy w,   dw = dy^T x
 * are carried out by the implementations of the matrix product. */
#include "ops/convolution/convolution.h"
#include "ops/matmul/matmul.h"

#include <stdio.h>

/* A site of the matrix product; its node and attributes lie beside it. */
typedef struct product {
    clade_matmul_attributes attributes;
    clade_node node;
    clade_site site;
} product;

static clade_array as_matrix(const clade_array *array) {
    return (clade_array){
        .dtype = array->dtype,
        .rank = 2,
        .size = { array->size[0], array->count / array->size[0] },
        .count = array->count,
        .buffer = array->buffer,
    };
}

/* The tail stays as it is: its bias has a number for each filter, which are the columns of y. */
static void make_product(const clade_site *site, product *p) {
    const bool filter = site->node->op == &clade_op_conv2d_filter_gradient;
    const clade_tail_attributes *tail = clade_tail_of(site->node);
    p->attributes = (clade_matmul_attributes){
        .transpose_a = filter,
        .transpose_b = site->node->op == &clade_op_conv2d,
    };
    if (tail != NULL) p->attributes.tail = *tail;
    p->node = *site->node;
    p->node.op = &clade_op_matmul;
    p->node.attributes = &p->attributes;
    p->site = *site;
    p->site.node = &p->node;
    p->site.in[0] = as_matrix(&site->in[filter]);
    p->site.in[1] = as_matrix(&site->in[!filter]);
    p->site.out[0] = as_matrix(&site->out[0]);
}

/* Of those for CPU-like devices the one that would carry out the product by itself. */
static const clade_implementation *implementation_of(const product *p) {
    char why[128];
    const bool thin = clade_matmul_thin.applicable(&p->site, why);
    return thin && clade_matmul_thin.suitability(&p->site) > clade_matmul_packed.suitability(&p->site)
               ? &clade_matmul_thin
               : &clade_matmul_packed;
}

static bool covers(const clade_convolution *c) {
    bool covered = c->groups == 1;
    for (int i = 0; i < 2; i++) {
        covered &= c->kernel[i] == c->image[i] && c->pad[i] == 0 && c->pad[2 + i] == 0;
        covered &= c->dilation[i] == 1 || c->kernel[i] == 1;
    }
    return covered;
}

/* ---- the implementation ---- */

static bool applicable(const clade_site *site, char why[128]) {
    const clade_convolution c = clade_convolution_at(site);
    const bool data = site->node->op == &clade_op_conv2d_data_gradient;
    product p;
    if (!covers(&c)) {
        snprintf(why, 128, "needs one group and a kernel that covers the image exactly");
        return false;
    }
    if (data && clade_tail_of(site->node)->bias && c.taps > 1) {
        snprintf(why, 128, "its columns are pixels, and take no bias");
        return false;
    }
    make_product(site, &p);
    return clade_matmul_packed.applicable(&p.site, why);
}

/* Kernels of one tap have a product of their own, which is as good but for a few images. */
static double suitability(const clade_site *site) {
    const clade_convolution c = clade_convolution_at(site);
    product p;
    make_product(site, &p);
    if (!site->device->capabilities.is_cpu) return 0;
    return c.taps > 1 || implementation_of(&p) == &clade_matmul_thin ? 6 : 1;
}

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    product p;
    make_product(site, &p);
    const clade_implementation *implementation = implementation_of(&p);
    if (implementation->workspace != NULL) implementation->workspace(&p.site, bytes);
}

static int configurations(const clade_site *site) {
    product p;
    make_product(site, &p);
    const clade_implementation *implementation = implementation_of(&p);
    return implementation->configurations != NULL ? implementation->configurations(&p.site) : 1;
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    product p;
    make_product(site, &p);
    return implementation_of(&p)->record(&p.site, commands);
}

const clade_implementation clade_conv2d_product = {
    .name = "product",
    .applicable = applicable,
    .suitability = suitability,
    .workspace = workspace,
    .configurations = configurations,
    .tail = true,
    .record = record,
};
