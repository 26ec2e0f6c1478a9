/* The sizes of a convolution and of its gradients, and their meaning in double. */
#include "ops/convolution/convolution.h"

#include <string.h>

/* ---- sizes ---- */

static clade_convolution sizes_of(const clade_conv2d_attributes *a, const int64_t *x, const int64_t *w,
                                  const int64_t *y) {
    clade_convolution c = {
        .batch = x[0],
        .groups = a->groups,
        .channels = w[1],
        .filters = w[0] / a->groups,
        .image = { x[2], x[3] },
        .out = { y[2], y[3] },
        .kernel = { w[2], w[3] },
        .taps = w[2] * w[3],
        .pixels = y[2] * y[3],
    };
    memcpy(c.stride, a->stride, sizeof c.stride);
    memcpy(c.pad, a->pad, sizeof c.pad);
    memcpy(c.dilation, a->dilation, sizeof c.dilation);
    return c;
}

/* Which of x, w and y (0, 1, 2) are a row's inputs and its output. */
typedef struct roles {
    int in[2], out;
} roles;

static roles roles_of(const clade_op *op) {
    if (op == &clade_op_conv2d) return (roles){ { 0, 1 }, 2 };
    if (op == &clade_op_conv2d_data_gradient) return (roles){ { 2, 1 }, 0 };
    return (roles){ { 0, 2 }, 1 };
}

clade_convolution clade_convolution_at(const clade_site *site) {
    const roles role = roles_of(site->node->op);
    const int64_t *sizes[3];
    sizes[role.in[0]] = site->in[0].size;
    sizes[role.in[1]] = site->in[1].size;
    sizes[role.out] = site->out[0].size;
    return sizes_of(site->node->attributes, sizes[0], sizes[1], sizes[2]);
}

double clade_convolution_flops(const clade_site *site) {
    const clade_convolution c = clade_convolution_at(site);
    return 2.0 * (double)(c.batch * c.groups * c.filters) * (double)c.pixels * (double)(c.channels * c.taps);
}

/* ---- launches in the making ---- */

clade_launching clade_launch_begin(const clade_site *site, const char *file, const char *kernel,
                                   const clade_buffer *from, const clade_buffer *with, const clade_buffer *to) {
    clade_launching l = { .launch = {
                              .file = file,
                              .options = site->device->capabilities.is_cpu ? "-DFAST_FMA" : NULL,
                              .kernel = kernel,
                              .label = site->label,
                          } };
    clade_launch_add(&l, clade_buffer_argument(from));
    if (with != NULL) clade_launch_add(&l, clade_buffer_argument(with));
    clade_launch_add(&l, clade_buffer_argument(to));
    return l;
}

void clade_launch_add(clade_launching *l, clade_argument argument) {
    l->arguments[l->launch.argument_count++] = argument;
}

void clade_launch_add_numbers(clade_launching *l, const int64_t numbers[], size_t count) {
    for (size_t i = 0; i < count; i++)
        clade_launch_add(l, clade_int_argument(numbers[i]));
}

void clade_launch_add_shape(clade_launching *l, const clade_convolution *c) {
    const int64_t shape[] = {
        c->batch,  c->groups, c->channels,    c->filters,     c->image[0],  c->image[1],
        c->out[0], c->out[1], c->kernel[0],   c->kernel[1],   c->stride[0], c->stride[1],
        c->pad[0], c->pad[1], c->dilation[0], c->dilation[1],
    };
    clade_launch_add_numbers(l, shape, sizeof shape / sizeof shape[0]);
}

void clade_launch_add_tail(clade_launching *l, const clade_site *site) {
    clade_tail_arguments(site, l->arguments + l->launch.argument_count);
    l->launch.argument_count += CLADE_TAIL_ARGUMENTS;
}

void clade_launch_add_no_tail(clade_launching *l, const clade_site *site) {
    clade_tail_no_arguments(site, l->arguments + l->launch.argument_count);
    l->launch.argument_count += CLADE_TAIL_ARGUMENTS;
}

void clade_launch_count(clade_launching *l, const clade_site *site) {
    l->launch.flops = clade_convolution_flops(site);
    l->launch.bytes = 4.0 * (double)(site->in[0].count + site->in[1].count + site->out[0].count);
}

clade_status clade_launch_finish(clade_launching *l, clade_commands *commands, int64_t x, int64_t y, int64_t z) {
    l->launch.arguments = l->arguments;
    l->launch.global[0] = (size_t)x;
    l->launch.global[1] = (size_t)y;
    l->launch.global[2] = (size_t)z;
    return clade_commands_launch(commands, &l->launch);
}

/* ---- the whole: one loop over the trilinear sum; what the row puts out takes the product of the other two ---- */

/* For output pixel (p, q) of filter K of group G in image N. ARRAY holds x, w, y. */
static void add_products(const clade_convolution *c, double *const array[3], int out, int64_t n, int64_t g, int64_t k,
                         int64_t p, int64_t q) {
    const int one = (out + 1) % 3, other = (out + 2) % 3;
    const int64_t top = p * c->stride[0] - c->pad[0], left = q * c->stride[1] - c->pad[1];
    int64_t at[3];
    at[1] = (g * c->filters + k) * c->channels * c->taps;
    at[2] = (((n * c->groups + g) * c->filters + k) * c->out[0] + p) * c->out[1] + q;
    for (int64_t channel = 0; channel < c->channels; channel++)
        for (int64_t r = 0; r < c->kernel[0]; r++)
            for (int64_t s = 0; s < c->kernel[1]; s++, at[1]++) {
                const int64_t h = top + r * c->dilation[0], w = left + s * c->dilation[1];
                if (h < 0 || h >= c->image[0] || w < 0 || w >= c->image[1]) continue;
                at[0] = (((n * c->groups + g) * c->channels + channel) * c->image[0] + h) * c->image[1] + w;
                array[out][at[out]] += array[one][at[one]] * array[other][at[other]];
            }
}

/* x, w and y of NODE, whichever are its inputs. */
typedef struct operands {
    clade_convolution sizes;
    double *array[3];
} operands;

static operands operands_of(const clade_node *node, const clade_tensor in[], const clade_tensor *out) {
    const roles role = roles_of(node->op);
    const clade_tensor *tensor[3];
    operands o;
    tensor[role.in[0]] = &in[0];
    tensor[role.in[1]] = &in[1];
    tensor[role.out] = out;
    for (int i = 0; i < 3; i++) {
        o.array[i] = tensor[i]->data;
    }
    o.sizes = sizes_of(node->attributes, tensor[0]->size, tensor[1]->size, tensor[2]->size);
    return o;
}

void clade_convolution_reference(const clade_node *node, const clade_tensor in[], clade_tensor out[]) {
    const int role = roles_of(node->op).out;
    const operands o = operands_of(node, in, &out[0]);
    const clade_convolution *c = &o.sizes;
    memset(out[0].data, 0, (size_t)out[0].count * sizeof(double));
    for (int64_t n = 0; n < c->batch; n++)
        for (int64_t g = 0; g < c->groups; g++)
            for (int64_t k = 0; k < c->filters; k++)
                for (int64_t pixel = 0; pixel < c->pixels; pixel++)
                    add_products(c, o.array, role, n, g, k, pixel / c->out[1], pixel % c->out[1]);
    clade_tail_reference(node, in, &out[0]);
}

/* ---- one element alone ---- */

/* One term of the sum: image, group, filter, channel, output pixel, tap. */
typedef struct term {
    int64_t n, g, k, c, p, q, r, s;
} term;

static int64_t x_at(const clade_convolution *c, const term *t) {
    const int64_t h = t->p * c->stride[0] - c->pad[0] + t->r * c->dilation[0];
    const int64_t w = t->q * c->stride[1] - c->pad[1] + t->s * c->dilation[1];
    if (h < 0 || h >= c->image[0] || w < 0 || w >= c->image[1]) return -1;
    return (((t->n * c->groups + t->g) * c->channels + t->c) * c->image[0] + h) * c->image[1] + w;
}

static int64_t w_at(const clade_convolution *c, const term *t) {
    return (((t->g * c->filters + t->k) * c->channels + t->c) * c->kernel[0] + t->r) * c->kernel[1] + t->s;
}

static int64_t y_at(const clade_convolution *c, const term *t) {
    return (((t->n * c->groups + t->g) * c->filters + t->k) * c->out[0] + t->p) * c->out[1] + t->q;
}

static double sum_forward(const operands *o, int64_t element) {
    const clade_convolution *c = &o->sizes;
    term t = { .q = element % c->out[1], .p = element / c->out[1] % c->out[0] };
    const int64_t filter = element / c->pixels;
    t.k = filter % c->filters, t.g = filter / c->filters % c->groups, t.n = filter / c->filters / c->groups;
    double sum = 0;
    for (t.c = 0; t.c < c->channels; t.c++)
        for (t.r = 0; t.r < c->kernel[0]; t.r++)
            for (t.s = 0; t.s < c->kernel[1]; t.s++) {
                const int64_t x = x_at(c, &t);
                if (x >= 0) sum += o->array[0][x] * o->array[1][w_at(c, &t)];
            }
    return sum;
}

/* The output pixel that reads POSITION of the image at TAP, along AXIS; -1 when none does. */
static int64_t reader(const clade_convolution *c, int axis, int64_t position, int64_t tap) {
    const int64_t offset = position + c->pad[axis] - tap * c->dilation[axis];
    if (offset < 0 || offset % c->stride[axis] != 0) return -1;
    const int64_t pixel = offset / c->stride[axis];
    return pixel < c->out[axis] ? pixel : -1;
}

static double sum_data_gradient(const operands *o, int64_t element) {
    const clade_convolution *c = &o->sizes;
    const int64_t w = element % c->image[1], h = element / c->image[1] % c->image[0];
    const int64_t channel = element / c->image[1] / c->image[0];
    term t = { .c = channel % c->channels,
               .g = channel / c->channels % c->groups,
               .n = channel / c->channels / c->groups };
    double sum = 0;
    for (t.k = 0; t.k < c->filters; t.k++)
        for (t.r = 0; t.r < c->kernel[0]; t.r++)
            for (t.s = 0; t.s < c->kernel[1]; t.s++) {
                t.p = reader(c, 0, h, t.r), t.q = reader(c, 1, w, t.s);
                if (t.p >= 0 && t.q >= 0) sum += o->array[2][y_at(c, &t)] * o->array[1][w_at(c, &t)];
            }
    return sum;
}

static double sum_filter_gradient(const operands *o, int64_t element) {
    const clade_convolution *c = &o->sizes;
    const int64_t filter = element / c->taps / c->channels;
    term t = { .s = element % c->kernel[1],
               .r = element / c->kernel[1] % c->kernel[0],
               .c = element / c->taps % c->channels,
               .k = filter % c->filters,
               .g = filter / c->filters };
    double sum = 0;
    for (t.n = 0; t.n < c->batch; t.n++)
        for (t.p = 0; t.p < c->out[0]; t.p++)
            for (t.q = 0; t.q < c->out[1]; t.q++) {
                const int64_t x = x_at(c, &t);
                if (x >= 0) sum += o->array[0][x] * o->array[2][y_at(c, &t)];
            }
    return sum;
}

double clade_convolution_reference_at(const clade_node *node, const clade_tensor in[], const clade_tensor *out,
                                      int64_t element) {
    static double (*const sums[])(const operands *, int64_t) = { sum_data_gradient, sum_filter_gradient, sum_forward };
    const operands o = operands_of(node, in, out);
    const double sum = sums[roles_of(node->op).out](&o, element);
    return clade_tail_empty(clade_tail_of(node)) ? sum : clade_tail_reference_at(node, in, out, element, sum);
}
