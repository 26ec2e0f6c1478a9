/* Convolution and its gradients as matrix products by CLBlast (kernels/im2col.cl): for each image n and group g
 *   conv2d                  y[n,g] (K, pixels) = w[g] (K, depth) columns[n,g] (depth, pixels)
 *   conv2d_data_gradient    columns[n,g] = w[g]^T dy[n,g], then col2im
 *   conv2d_filter_gradient  part[n] = dy[n,g] columns[n,g]^T, then the sum over n
 * with depth = channels * taps. Images are taken in chunks, so that the columns stay within a bound. */
#include "ops/convolution/convolution.h"

#include <stdio.h>

enum { CHUNK_BYTES = 64 << 20 }; /* of columns */

static int64_t depth_of(const clade_convolution *c) {
    return c->channels * c->taps;
}

static int64_t column_floats(const clade_convolution *c) { /* of one image */
    return c->groups * depth_of(c) * c->pixels;
}

static int64_t chunk_of(const clade_site *site, const clade_convolution *c) {
    const int64_t limit = (int64_t)(site->device->capabilities.largest_allocation / 4);
    return clade_smaller(c->batch, clade_larger(1, clade_smaller(CHUNK_BYTES, limit) / 4 / column_floats(c)));
}

static int64_t weight_count(const clade_convolution *c) {
    return c->groups * c->filters * depth_of(c);
}

/* ---- launches ---- */

/* im2col and col2im: GRID is the plane that the work-items cover. */
static clade_status convert(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                            const char *kernel, const clade_buffer *from, const clade_buffer *to, const int64_t grid[2],
                            int64_t first, int64_t images) {
    const clade_argument arguments[] = {
        clade_buffer_argument(from),
        clade_buffer_argument(to),
        clade_int_argument(first),
        clade_int_argument(images),
        clade_int_argument(c->groups * c->channels),
        clade_int_argument(c->image[0]),
        clade_int_argument(c->image[1]),
        clade_int_argument(c->out[0]),
        clade_int_argument(c->out[1]),
        clade_int_argument(c->kernel[0]),
        clade_int_argument(c->kernel[1]),
        clade_int_argument(c->stride[0]),
        clade_int_argument(c->stride[1]),
        clade_int_argument(c->pad[0]),
        clade_int_argument(c->pad[1]),
        clade_int_argument(c->dilation[0]),
        clade_int_argument(c->dilation[1]),
    };
    const size_t planes = (size_t)(images * c->groups * c->channels);
    return clade_commands_launch(
        commands,
        &(clade_launch){
            .file = "im2col.cl",
            .kernel = kernel,
            .label = site->label,
            .global = { (size_t)grid[1], (size_t)grid[0], planes },
            .arguments = arguments,
            .argument_count = sizeof arguments / sizeof arguments[0],
            .bytes = 4.0 * (double)(images * (column_floats(c) + c->groups * c->channels * c->image[0] * c->image[1])),
        });
}

/* The products of IMAGES images: a batch over the images for each group, or over the groups for each image, whichever
 * takes fewer calls. STEP: floats from one group's matrix to the next one's; IMAGE: from one image's to the next
 * one's. */
typedef struct matrix_steps {
    int64_t a_step, b_step, c_step, a_image, b_image, c_image;
} matrix_steps;

static clade_status multiply(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                             clade_gemm gemm, const matrix_steps *s, int64_t images) {
    const bool over_images = c->groups <= images;
    const int64_t calls = over_images ? c->groups : images;
    const clade_gemm first = gemm;
    clade_status status = CLADE_OK;
    gemm.batch = over_images ? images : c->groups;
    gemm.a_stride = over_images ? s->a_image : s->a_step;
    gemm.b_stride = over_images ? s->b_image : s->b_step;
    gemm.c_stride = over_images ? s->c_image : s->c_step;
    for (int64_t i = 0; i < calls && status == CLADE_OK; i++) {
        gemm.a_offset = first.a_offset + i * (over_images ? s->a_step : s->a_image);
        gemm.b_offset = first.b_offset + i * (over_images ? s->b_step : s->b_image);
        gemm.c_offset = first.c_offset + i * (over_images ? s->c_step : s->c_image);
        status = clade_clblast_gemm(commands, site->label, &gemm);
    }
    return status;
}

/* ---- the three rows, a chunk of images at a time ---- */

static clade_status forward_chunk(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                                  int64_t first, int64_t images) {
    const int64_t depth = depth_of(c), plane = c->filters * c->pixels;
    const clade_gemm gemm = {
        .m = c->filters,
        .n = c->pixels,
        .k = depth,
        .alpha = 1,
        .a = *site->in[1].buffer,
        .b = *site->workspace[0],
        .c = *site->out[0].buffer,
        .c_offset = first * c->groups * plane,
        .lda = depth,
        .ldb = c->pixels,
        .ldc = c->pixels,
    };
    const matrix_steps steps = {
        c->filters * depth, depth * c->pixels, plane, 0, column_floats(c), c->groups * plane,
    };
    clade_status status =
        convert(site, commands, c, "im2col", site->in[0].buffer, site->workspace[0], c->out, first, images);
    return status == CLADE_OK ? multiply(site, commands, c, gemm, &steps, images) : status;
}

static clade_status data_chunk(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                               int64_t first, int64_t images) {
    const int64_t depth = depth_of(c), plane = c->filters * c->pixels;
    const clade_gemm gemm = {
        .transpose_a = true,
        .m = depth,
        .n = c->pixels,
        .k = c->filters,
        .alpha = 1,
        .a = *site->in[1].buffer,
        .b = *site->in[0].buffer,
        .c = *site->workspace[0],
        .b_offset = first * c->groups * plane,
        .lda = depth,
        .ldb = c->pixels,
        .ldc = c->pixels,
    };
    const matrix_steps steps = {
        c->filters * depth, plane, depth * c->pixels, 0, c->groups * plane, column_floats(c),
    };
    clade_status status = multiply(site, commands, c, gemm, &steps, images);
    if (status != CLADE_OK) return status;
    return convert(site, commands, c, "col2im", site->workspace[0], site->out[0].buffer, c->image, first, images);
}

static clade_status filter_chunk(const clade_site *site, clade_commands *commands, const clade_convolution *c,
                                 int64_t first, int64_t images) {
    const int64_t depth = depth_of(c), plane = c->filters * c->pixels;
    const clade_gemm gemm = {
        .transpose_b = true,
        .m = c->filters,
        .n = depth,
        .k = c->pixels,
        .alpha = 1,
        .a = *site->in[1].buffer,
        .b = *site->workspace[0],
        .c = *site->workspace[1],
        .a_offset = first * c->groups * plane,
        .lda = c->pixels,
        .ldb = c->pixels,
        .ldc = depth,
    };
    const matrix_steps steps = {
        plane, depth * c->pixels, c->filters * depth, c->groups * plane, column_floats(c), weight_count(c),
    };
    clade_status status =
        convert(site, commands, c, "im2col", site->in[0].buffer, site->workspace[0], c->out, first, images);
    if (status == CLADE_OK) status = multiply(site, commands, c, gemm, &steps, images);
    if (status != CLADE_OK) return status;
    const clade_argument arguments[] = {
        clade_buffer_argument(site->workspace[1]),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(weight_count(c)),
        clade_int_argument(images),
        clade_int_argument(first > 0),
    };
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "im2col.cl",
                                               .kernel = "add_images",
                                               .label = site->label,
                                               .global = { (size_t)weight_count(c) },
                                               .arguments = arguments,
                                               .argument_count = sizeof arguments / sizeof arguments[0],
                                               .bytes = 4.0 * (double)(weight_count(c) * (images + 1)),
                                           });
}

/* ---- the implementation ---- */

static bool applicable(const clade_site *site, char why[128]) {
    const clade_convolution c = clade_convolution_at(site);
    const char *reason;
    if (!clade_clblast_available(site->device, &reason)) {
        snprintf(why, 128, "%s", reason);
        return false;
    }
    const double bytes = 4.0 * (double)column_floats(&c);
    if (bytes <= (double)site->device->capabilities.largest_allocation) return true;
    snprintf(why, 128, "the columns of one image need %.0f bytes, over the device's largest allocation", bytes);
    return false;
}

/* On GPU-like devices the detour over the columns pays where the products are large. */
static double suitability(const clade_site *site) {
    const clade_convolution c = clade_convolution_at(site);
    if (site->device->capabilities.is_cpu) return 0;
    return c.filters >= 32 && depth_of(&c) >= 64 ? 2 : 0.5;
}

static void workspace(const clade_site *site, size_t bytes[CLADE_MAX_WORKSPACES]) {
    const clade_convolution c = clade_convolution_at(site);
    const int64_t images = chunk_of(site, &c);
    bytes[0] = (size_t)(images * column_floats(&c)) * sizeof(float);
    if (site->node->op == &clade_op_conv2d_filter_gradient)
        bytes[1] = (size_t)(images * weight_count(&c)) * sizeof(float);
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const clade_convolution c = clade_convolution_at(site);
    const clade_op *op = site->node->op;
    clade_status (*const chunk)(const clade_site *, clade_commands *, const clade_convolution *, int64_t, int64_t) =
        op == &clade_op_conv2d                 ? forward_chunk
        : op == &clade_op_conv2d_data_gradient ? data_chunk
                                               : filter_chunk;
    const int64_t most = chunk_of(site, &c);
    clade_status status = CLADE_OK;
    for (int64_t first = 0; first < c.batch && status == CLADE_OK; first += most) {
        status = chunk(site, commands, &c, first, clade_smaller(most, c.batch - first));
    }
    return status;
}

const clade_implementation clade_conv2d_clblast = {
    .name = "clblast",
    .applicable = applicable,
    .suitability = suitability,
    .workspace = workspace,
    .record = record,
};
