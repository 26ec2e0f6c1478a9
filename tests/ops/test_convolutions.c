/* Convolutions over one and three axes, transposed ones, true ones, modes of padding, locally connected layers,
 * unfolding and batched products through the public calls: results and gradients against numbers that PyTorch 2 gave
 * in double (F.conv1d, F.conv3d, F.conv_transpose1d .. 3d with their padding by F.pad or cropped, F.unfold, F.fold,
 * torch.matmul), and the faults. What goes in are small integers, so that every result is one. */
#include "clade/ops.h"
#include "clade/session.h"
#include "graph/graph.h"
#include "passes/passes.h"

#include "support/device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef graph_fixture fixture;

/* ---- results and gradients ---- */

/* Element i is (i * a + b) mod m - m / 2. */
static void fill(float *data, int64_t count, int64_t a, int64_t b, int64_t m) {
    for (int64_t i = 0; i < count; i++) {
        data[i] = (float)((i * a + b) % m - m / 2);
    }
}

/* The sum of all elements, each times a number that says where it is. */
static double fingerprint(const float *data, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += (double)data[i] * (double)((i * 31 + 7) % 13 - 6);
    }
    return sum;
}

typedef clade_value builder(clade_value x, clade_value w);

/* y = build(x, w), and dx and dw for a dy of small integers: their dims and fingerprints. */
typedef struct expectation {
    const char *name;
    builder *build;
    clade_dims x, w, y;
    double prints[3];
} expectation;

#define GIVEN(KIND, ...)                                                                                               \
    &(const clade_##KIND##_options) {                                                                                  \
        .size = sizeof(clade_##KIND##_options), __VA_ARGS__                                                            \
    }
#define BUILD(NAME, EXPRESSION)                                                                                        \
    static clade_value NAME(clade_value x, clade_value w) {                                                            \
        return EXPRESSION;                                                                                             \
    }

BUILD(line, clade_convolve1d(x, w, GIVEN(conv1d, .stride = 2, .pad = { 2, 1 }, .dilation = 3, .groups = 2)))
BUILD(line_valid, clade_convolve1d(x, w, GIVEN(conv1d, .padding = CLADE_PADDING_VALID)))
BUILD(line_same, clade_convolve1d(x, w, GIVEN(conv1d, .stride = 3, .padding = CLADE_PADDING_SAME)))
BUILD(line_lower, clade_convolve1d(x, w, GIVEN(conv1d, .padding = CLADE_PADDING_SAME_LOWER)))
BUILD(line_full, clade_convolve1d(x, w, GIVEN(conv1d, .dilation = 2, .padding = CLADE_PADDING_FULL)))
BUILD(line_causal, clade_convolve1d(x, w, GIVEN(conv1d, .dilation = 3, .padding = CLADE_PADDING_CAUSAL)))
BUILD(line_true, clade_convolve1d(x, w, GIVEN(conv1d, .flip = true)))
BUILD(plane_same,
      clade_convolve2d(x, w, GIVEN(conv2d, .stride = { 2, 1 }, .dilation = { 1, 2 }, .padding = CLADE_PADDING_SAME)))
BUILD(plane_causal, clade_convolve2d(x, w, GIVEN(conv2d, .padding = CLADE_PADDING_CAUSAL)))
BUILD(plane_true, clade_convolve2d(x, w, GIVEN(conv2d, .padding = CLADE_PADDING_FULL, .flip = true)))
BUILD(volume,
      clade_convolve3d(x, w,
                       GIVEN(conv3d, .stride = { 2, 1, 2 }, .pad = { 2, 0, 1, 1, 2, 0 }, .dilation = { 1, 2, 1 })))
BUILD(volume_groups, clade_convolve3d(x, w, GIVEN(conv3d, .pad = { 1, 1, 1, 1, 1, 1 }, .groups = 2)))
BUILD(volume_alone, clade_convolve3d(x, w,
                                     GIVEN(conv3d, .stride = { 1, 2, 1 }, .pad = { 2, 0, 1, 0, 1, 1 },
                                           .dilation = { 2, 1, 1 }, .groups = 3)))
BUILD(volume_pairs, clade_convolve3d(x, w, GIVEN(conv3d, .pad = { 1, 1, 1, 1, 1, 1 }, .groups = 3)))
BUILD(volume_deep, clade_convolve3d(x, w, GIVEN(conv3d, .stride = { 2 }, .pad = { 1, 0, 0, 1, 0, 0 })))
BUILD(volume_wide, clade_convolve3d(x, w, GIVEN(conv3d, .stride = { 1, 1, 2 }, .pad = { 0, 0, 0, 0, 0, 1 })))
BUILD(volume_slices, clade_convolve3d(x, w, GIVEN(conv3d, .pad = { 0, 1, 1, 0, 1, 1 })))
BUILD(volume_points, clade_convolve3d(x, w, NULL))
BUILD(volume_true, clade_convolve3d(x, w, GIVEN(conv3d, .padding = CLADE_PADDING_CAUSAL, .flip = true)))
BUILD(spread_line,
      clade_convolve_transpose1d(x, w,
                                 GIVEN(conv_transpose1d, .stride = 3, .pad = { 1, 2 }, .dilation = 2, .groups = 2)))
BUILD(spread_more,
      clade_convolve_transpose1d(x, w, GIVEN(conv_transpose1d, .stride = 3, .pad = { 1, 1 }, .output_padding = 2)))
BUILD(spread_beyond, clade_convolve_transpose1d(x, w, GIVEN(conv_transpose1d, .stride = 2, .output_padding = 3)))
BUILD(spread_plane,
      clade_convolve_transpose2d(x, w, GIVEN(conv_transpose2d, .stride = { 2, 3 }, .pad = { 1, 2, 0, 1 })))
BUILD(spread_same,
      clade_convolve_transpose2d(x, w, GIVEN(conv_transpose2d, .stride = { 2, 3 }, .padding = CLADE_PADDING_SAME)))
BUILD(spread_apart,
      clade_convolve_transpose2d(x, w, GIVEN(conv_transpose2d, .stride = { 4, 4 }, .padding = CLADE_PADDING_SAME)))
BUILD(spread_volume, clade_convolve_transpose3d(x, w,
                                                GIVEN(conv_transpose3d, .stride = { 2, 1, 2 },
                                                      .pad = { 1, 0, 1, 0, 2, 1 }, .dilation = { 1, 2, 1 })))
BUILD(spread_groups,
      clade_convolve_transpose3d(x, w,
                                 GIVEN(conv_transpose3d, .stride = { 2, 2, 2 }, .pad = { 1, 1, 1, 1, 1, 1 },
                                       .output_padding = { 1, 1, 1 }, .groups = 2)))
BUILD(spread_deep, clade_convolve_transpose3d(x, w, GIVEN(conv_transpose3d, .stride = { 2 })))
BUILD(local, clade_convolve_locally2d(x, w,
                                      GIVEN(locally_connected2d, .kernel = { 3, 2 }, .stride = { 2, 1 },
                                            .pad = { 0, 1, 2, 0 })))
BUILD(unfolded,
      clade_add(clade_unfold(x, .kernel = { 3, 2 }, .stride = { 2, 1 }, .pad = { 0, 1, 2, 0 }), clade_scale(w, 0)))
BUILD(folded, clade_add(clade_fold(x, .kernel = { 3, 2 }, .stride = { 2, 1 }, .pad = { 0, 1, 2, 0 }, .image = { 6, 5 }),
                        clade_scale(w, 0)))
BUILD(products, clade_batched_matmul(x, w, false, false))
BUILD(products_a, clade_batched_matmul(x, w, true, false))
BUILD(products_b, clade_batched_matmul(x, w, false, true))

enum { N = CLADE_BATCH, BATCH = 2 };
#define DIMS(...)                                                                                                      \
    {                                                                                                                  \
        (int32_t)(sizeof((clade_size[]){ __VA_ARGS__ }) / sizeof(clade_size)), {                                       \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

static const expectation over_one_or_two_axes[] = {
    { "conv1d: everything", line, DIMS(N, 4, 19), DIMS(6, 2, 3), DIMS(N, 6, 8), { -170, -143, -290 } },
    { "conv1d: valid", line_valid, DIMS(N, 3, 10), DIMS(4, 3, 4), DIMS(N, 4, 7), { 407, 595, 243 } },
    { "conv1d: same", line_same, DIMS(N, 3, 11), DIMS(4, 3, 4), DIMS(N, 4, 4), { 771, 143, -34 } },
    { "conv1d: same, lower", line_lower, DIMS(N, 3, 11), DIMS(4, 3, 4), DIMS(N, 4, 11), { 477, -756, 496 } },
    { "conv1d: full", line_full, DIMS(N, 3, 7), DIMS(4, 3, 4), DIMS(N, 4, 13), { 74, -184, 89 } },
    { "conv1d: causal", line_causal, DIMS(N, 3, 12), DIMS(4, 3, 3), DIMS(N, 4, 12), { 157, 77, -142 } },
    { "conv1d: flipped", line_true, DIMS(N, 3, 10), DIMS(4, 3, 4), DIMS(N, 4, 7), { 572, -232, 278 } },
    { "conv2d: same", plane_same, DIMS(N, 3, 8, 9), DIMS(4, 3, 3, 4), DIMS(N, 4, 4, 9), { -2199, 289, -916 } },
    { "conv2d: causal", plane_causal, DIMS(N, 3, 8, 9), DIMS(4, 3, 3, 3), DIMS(N, 4, 8, 9), { 77, -868, 2816 } },
    { "conv2d: full, flipped", plane_true, DIMS(1, 2, 4, 5), DIMS(3, 2, 2, 3), DIMS(1, 3, 5, 7), { 345, 403, 176 } },
};

static const expectation over_three_axes[] = {
    { "conv3d: everything",
      volume,
      DIMS(N, 3, 6, 7, 8),
      DIMS(4, 3, 3, 2, 3),
      DIMS(N, 4, 4, 7, 4),
      { 1489, 1031, -275 } },
    { "conv3d: groups",
      volume_groups,
      DIMS(N, 4, 4, 5, 6),
      DIMS(6, 2, 3, 3, 3),
      DIMS(N, 6, 4, 5, 6),
      { 2493, 898, -1031 } },
    { "conv3d: depthwise",
      volume_alone,
      DIMS(N, 3, 5, 6, 7),
      DIMS(3, 1, 3, 2, 3),
      DIMS(N, 3, 3, 3, 7),
      { 932, 71, -583 } },
    { "conv3d: depthwise, two filters to a channel",
      volume_pairs,
      DIMS(N, 3, 4, 5, 6),
      DIMS(6, 1, 3, 3, 3),
      DIMS(N, 6, 4, 5, 6),
      { -2158, -50, 1088 } },
    { "conv3d: depth alone",
      volume_deep,
      DIMS(N, 3, 6, 4, 5),
      DIMS(4, 3, 3, 1, 1),
      DIMS(N, 4, 3, 4, 5),
      { 1029, 65, 110 } },
    { "conv3d: width alone",
      volume_wide,
      DIMS(N, 3, 3, 4, 7),
      DIMS(4, 3, 1, 1, 3),
      DIMS(N, 4, 3, 4, 3),
      { 595, -244, 1441 } },
    { "conv3d: slices alone",
      volume_slices,
      DIMS(N, 3, 3, 4, 5),
      DIMS(4, 3, 1, 3, 3),
      DIMS(N, 4, 3, 4, 5),
      { 842, 38, -250 } },
    { "conv3d: points",
      volume_points,
      DIMS(N, 3, 3, 4, 5),
      DIMS(4, 3, 1, 1, 1),
      DIMS(N, 4, 3, 4, 5),
      { 253, -91, -11 } },
    { "conv3d: causal, flipped",
      volume_true,
      DIMS(1, 2, 4, 5, 6),
      DIMS(3, 2, 3, 3, 3),
      DIMS(1, 3, 4, 5, 6),
      { 1423, -994, -813 } },
};

static const expectation transposed[] = {
    { "conv_transpose1d: everything", spread_line, DIMS(N, 4, 7), DIMS(4, 3, 3), DIMS(N, 6, 20), { -307, 158, -55 } },
    { "conv_transpose1d: output padding",
      spread_more,
      DIMS(N, 4, 7),
      DIMS(4, 3, 4),
      DIMS(N, 3, 22),
      { 100, -305, 416 } },
    { "conv_transpose1d: output padding beyond the stride",
      spread_beyond,
      DIMS(N, 4, 7),
      DIMS(4, 3, 4),
      DIMS(N, 3, 19),
      { 1081, -155, -744 } },
    { "conv_transpose2d", spread_plane, DIMS(N, 4, 5, 6), DIMS(4, 3, 3, 4), DIMS(N, 3, 10, 16), { -503, 383, -178 } },
    { "conv_transpose2d: same",
      spread_same,
      DIMS(N, 4, 5, 6),
      DIMS(4, 3, 4, 4),
      DIMS(N, 3, 10, 18),
      { -1849, 1033, 1140 } },
    { "conv_transpose2d: same, a stride over the kernel",
      spread_apart,
      DIMS(1, 2, 3, 4),
      DIMS(2, 3, 3, 2),
      DIMS(1, 3, 12, 16),
      { -709, -82, 329 } },
    { "conv_transpose3d: everything",
      spread_volume,
      DIMS(N, 4, 3, 4, 5),
      DIMS(4, 3, 3, 2, 3),
      DIMS(N, 3, 6, 4, 9),
      { 4046, -647, 235 } },
    { "conv_transpose3d: groups, output padding",
      spread_groups,
      DIMS(1, 4, 3, 4, 5),
      DIMS(4, 3, 3, 3, 3),
      DIMS(1, 6, 6, 8, 10),
      { -10530, -227, 215 } },
    { "conv_transpose3d: depth alone",
      spread_deep,
      DIMS(N, 4, 3, 4, 5),
      DIMS(4, 3, 3, 1, 1),
      DIMS(N, 3, 7, 4, 5),
      { 1389, 39, 99 } },
};

static const expectation of_columns_and_products[] = {
    { "locally connected", local, DIMS(N, 3, 6, 5), DIMS(15, 18, 5), DIMS(N, 5, 3, 5), { -193, -489, 106 } },
    { "unfold", unfolded, DIMS(N, 3, 6, 5), DIMS(1), DIMS(N, 18, 15), { 135, -106, 0 } },
    { "fold", folded, DIMS(N, 18, 15), DIMS(1), DIMS(N, 3, 6, 5), { -213, -62, 0 } },
    { "products, repeated", products, DIMS(N, 1, 3, 4), DIMS(3, 4, 5), DIMS(N, 3, 3, 5), { -263, 70, 104 } },
    { "products, A transposed", products_a, DIMS(N, 3, 4, 3), DIMS(4, 5), DIMS(N, 3, 3, 5), { 169, -182, 546 } },
    { "products by one B transposed", products_b, DIMS(N, 3, 3, 4), DIMS(5, 4), DIMS(N, 3, 3, 5), { 41, -28, -26 } },
    { "a vector times matrices", products, DIMS(4), DIMS(3, 4, 5), DIMS(3, 5), { 28, 28, 91 } },
    { "matrices times a vector", products, DIMS(N, 3, 4), DIMS(4), DIMS(N, 3), { 23, -46, -140 } },
};

static int64_t count_of(const clade_dims *dims) {
    int64_t count = 1;
    for (int32_t i = 0; i < dims->rank; i++) {
        count *= dims->size[i] == CLADE_BATCH ? BATCH : dims->size[i];
    }
    return count;
}

static float *new_array(int64_t count) {
    float *data = calloc((size_t)count, sizeof *data);
    assert_non_null(data);
    return data;
}

/* Result and gradients, in this order. */
static void check(fixture *f, const expectation *e) {
    clade_graph *graph = clade_graph_new(f->context);
    clade_value sources[2] = { clade_input(graph, "x", CLADE_F32, e->x), clade_input(graph, "w", CLADE_F32, e->w) };
    clade_value results[3] = { e->build(sources[0], sources[1]) };
    assert_good(f->context, clade_graph_status(graph));
    const clade_dims dims = clade_value_dims(results[0]);
    if (!clade_dims_equal(&dims, &e->y)) fail_msg("%s: other dims", e->name);
    clade_value dy = clade_input(graph, "dy", CLADE_F32, e->y);
    assert_good(f->context, clade_gradient(results[0], dy, sources, 2, results + 1));

    const int64_t counts[3] = { count_of(&e->y), count_of(&e->x), count_of(&e->w) };
    float *x = new_array(counts[1]), *w = new_array(counts[2]), *v = new_array(counts[0]), *out[3];
    fill(x, counts[1], 7919, 13, 11);
    fill(w, counts[2], 104729, 5, 7);
    fill(v, counts[0], 17, 3, 5);
    clade_binding_array fetches[3];
    for (int i = 0; i < 3; i++) {
        out[i] = new_array(counts[i]);
        fetches[i] = (clade_binding_array){ results[i], out[i], counts[i] };
    }
    const clade_binding_array feeds[] = { { sources[0], x, counts[1] },
                                          { sources[1], w, counts[2] },
                                          { dy, v, counts[0] } };
    const clade_run_options run = {
        .size = sizeof run, .batch = BATCH, .feeds = feeds, .feed_count = 3, .fetches = fetches, .fetch_count = 3
    };
    clade_session *session = NULL;
    assert_good(f->context, clade_session_new(f->device, graph, 1, &session));
    assert_good(f->context, clade_session_run(session, &run));
    for (int i = 0; i < 3; i++) {
        const double got = fingerprint(out[i], counts[i]);
        if (!(fabs(got - e->prints[i]) < 0.1))
            fail_msg("%s, result %d: %g, expected %g", e->name, i, got, e->prints[i]);
        free(out[i]);
    }
    free(x);
    free(w);
    free(v);
    clade_session_free(session);
    clade_graph_free(graph);
}

#define TEST_ALL(NAME, TABLE)                                                                                          \
    static void NAME(void **state) {                                                                                   \
        for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++)                                                    \
            check(*state, &TABLE[i]);                                                                                  \
    }
TEST_ALL(test_over_one_or_two_axes_as_pytorch, over_one_or_two_axes)
TEST_ALL(test_over_three_axes_as_pytorch, over_three_axes)
TEST_ALL(test_transposed_as_pytorch, transposed)
TEST_ALL(test_columns_and_products_as_pytorch, of_columns_and_products)

/* ---- the layers ---- */

static clade_value input_of(fixture *f, clade_dims dims) {
    return clade_input(f->graph, "input", CLADE_F32, dims);
}

static void assert_dims(clade_value value, clade_dims expected) {
    assert_true(clade_value_valid(value));
    const clade_dims dims = clade_value_dims(value);
    assert_true(clade_dims_equal(&dims, &expected));
}

static void assert_state(fixture *f, const char *name, clade_dims expected) {
    assert_dims(clade_graph_find(f->graph, "state", name), expected);
}

static void test_layers_own_weights_and_bias(void **state) {
    fixture *f = *state;
    clade_value x = input_of(f, clade_shape(CLADE_BATCH, 4, 6, 8, 8));
    clade_value y = clade_conv3d(x, .filters = 6, .kernel = { 3, 3, 3 }, .padding = CLADE_PADDING_SAME,
                                 .stride = { 2, 1, 1 }, .groups = 2, .name = "video");
    assert_dims(y, clade_shape(CLADE_BATCH, 6, 3, 8, 8));
    assert_state(f, "video.weight", clade_shape(6, 2, 3, 3, 3));
    assert_state(f, "video.bias", clade_shape(6));
    y = clade_conv_transpose3d(y, .filters = 4, .kernel = { 2, 2, 2 }, .stride = { 2, 2, 2 }, .name = "back");
    assert_dims(y, clade_shape(CLADE_BATCH, 4, 6, 16, 16));
    assert_state(f, "back.weight", clade_shape(6, 4, 2, 2, 2));
    y = clade_reshape(y, clade_shape(CLADE_BATCH, 4, 6 * 16 * 16));
    y = clade_conv1d(y, .filters = 2, .kernel = 5, .stride = 4, .no_bias = true);
    assert_dims(y, clade_shape(CLADE_BATCH, 2, 383));
    assert_state(f, "conv1d_1.weight", clade_shape(2, 4, 5));
    assert_false(clade_value_valid(clade_graph_find(f->graph, "state", "conv1d_1.bias")));
    y = clade_conv_transpose1d(y, .filters = 3, .kernel = 4, .stride = 2, .pad = { 1, 1 }, .groups = 1);
    assert_dims(y, clade_shape(CLADE_BATCH, 3, 766));
    assert_state(f, "conv_transpose1d_1.bias", clade_shape(3));
    assert_good(f->context, clade_graph_status(f->graph));
}

static void test_locally_connected_has_a_kernel_and_a_bias_for_each_pixel(void **state) {
    fixture *f = *state;
    clade_value x = input_of(f, clade_shape(CLADE_BATCH, 3, 7, 9));
    clade_value y = clade_locally_connected2d(x, .filters = 5, .kernel = { 3, 3 }, .stride = { 2, 2 }, .name = "own");
    assert_dims(y, clade_shape(CLADE_BATCH, 5, 3, 4));
    assert_state(f, "own.weight", clade_shape(12, 27, 5));
    assert_state(f, "own.bias", clade_shape(5, 3, 4));
    y = clade_conv_transpose2d(y, .filters = 2, .kernel = { 3, 3 }, .stride = { 2, 2 }, .pad = { 1, 1, 1, 1 },
                               .output_padding = { 1, 1 });
    assert_dims(y, clade_shape(CLADE_BATCH, 2, 6, 8));
    assert_good(f->context, clade_graph_status(f->graph));
}

/* With weights of 0 all of a layer's result is its bias, also where output padding leaves what nothing reaches. */
static void test_bias_reaches_every_element(void **state) {
    fixture *f = *state;
    const clade_initializer zero = { .kind = CLADE_INITIALIZE_CONSTANT },
                            half = { CLADE_INITIALIZE_CONSTANT, 0.5f, 0, 0 };
    clade_value x = clade_constant(f->graph, clade_shape(1, 2, 5), 1);
    clade_value plane = clade_constant(f->graph, clade_shape(1, 2, 3, 4), 1);
    clade_value solid = clade_constant(f->graph, clade_shape(1, 2, 3, 4, 2), 1);
    const clade_value results[] = {
        clade_conv1d(x, .filters = 2, .kernel = 3, .weight_initializer = zero, .bias_initializer = half),
        clade_conv3d(solid, .filters = 2, .kernel = { 2, 2, 2 }, .weight_initializer = zero, .bias_initializer = half),
        clade_conv3d(solid, .filters = 2, .kernel = { 2, 2, 2 }, .groups = 2, .weight_initializer = zero,
                     .bias_initializer = half),
        clade_conv_transpose1d(x, .filters = 2, .kernel = 2, .weight_initializer = zero, .bias_initializer = half),
        clade_conv_transpose1d(x, .filters = 2, .kernel = 2, .output_padding = 3, .weight_initializer = zero,
                               .bias_initializer = half),
        clade_conv_transpose2d(plane, .filters = 2, .kernel = { 2, 2 }, .stride = { 2, 2 }, .weight_initializer = zero,
                               .bias_initializer = half),
        clade_conv_transpose3d(solid, .filters = 2, .kernel = { 2, 2, 2 }, .weight_initializer = zero,
                               .bias_initializer = half),
        clade_locally_connected2d(plane, .filters = 2, .kernel = { 2, 2 }, .weight_initializer = zero,
                                  .bias_initializer = half),
    };
    assert_good(f->context, clade_graph_status(f->graph));
    clade_session *session = NULL;
    assert_good(f->context, clade_session_new(f->device, f->graph, 1, &session));
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        const clade_dims dims = clade_value_dims(results[i]);
        const int64_t count = count_of(&dims);
        float *out = new_array(count);
        const clade_binding_array fetch = { results[i], out, count };
        const clade_run_options run = { .size = sizeof run, .batch = 1, .fetches = &fetch, .fetch_count = 1 };
        assert_good(f->context, clade_session_run(session, &run));
        for (int64_t e = 0; e < count; e++) {
            assert_true(out[e] == 0.5f);
        }
        free(out);
    }
    clade_session_free(session);
}

/* ---- faults ---- */

static void assert_fault(fixture *f, clade_value value, const char *words) {
    assert_false(clade_value_valid(value));
    assert_int_not_equal(clade_graph_status(f->graph), CLADE_OK);
    if (strstr(clade_error(f->context), words) == NULL) fail_msg("\"%s\" lacks \"%s\"", clade_error(f->context), words);
    clade_graph_free(f->graph);
    f->graph = clade_graph_new(f->context);
}

static void test_faults_say_what_was_expected(void **state) {
    fixture *f = *state;
    const clade_dims lines = clade_shape(CLADE_BATCH, 4, 10), volumes = clade_shape(CLADE_BATCH, 4, 3, 8, 8);
    assert_fault(f, clade_conv1d(input_of(f, volumes), .filters = 1, .kernel = 3), "expected x (N, C, L)");
    assert_fault(f, clade_conv1d(input_of(f, lines), .filters = 1, .kernel = 4, .dilation = 4),
                 "the kernel's length of 4 (dilation 4) does not fit into 10");
    assert_fault(
        f, clade_conv1d(input_of(f, lines), .filters = 1, .kernel = 3, .pad = { 1, 1 }, .padding = CLADE_PADDING_SAME),
        "either .pad or a known mode");
    assert_fault(f, clade_conv1d(input_of(f, lines), .filters = 1, .kernel = 3, .stride = -1),
                 "a stride of at least 1");
    assert_fault(f, clade_conv3d(input_of(f, volumes), .filters = 1, .kernel = { 4, 3, 3 }, .name = "deep"),
                 "conv3d deep of float32 (N, 4, 3, 8, 8): the kernel's depth of 4");
    assert_fault(f, clade_conv3d(input_of(f, volumes), .filters = 3, .kernel = { 1, 1, 1 }, .groups = 2),
                 "divisible by groups; got 3 filters of 1 x 1 x 1 in 2 groups");
    assert_fault(f, clade_conv_transpose1d(input_of(f, lines), .filters = 1, .kernel = 2, .pad = { 6, 6 }),
                 "the padding leaves nothing of the result's length");
    assert_fault(f, clade_conv_transpose1d(input_of(f, lines), .filters = 1, .kernel = 2, .output_padding = -1),
                 "output padding of at least 0");
    assert_fault(f, clade_convolve3d(input_of(f, volumes), clade_input(f->graph, "w", CLADE_F32, lines), NULL),
                 "weights (filters, C/groups, depth, height, width)");
    assert_fault(f, clade_conv1d(input_of(f, lines), .filters = 1, .kernel = 3, .dilation = INT64_MAX / 2),
                 "a dilation of at least 1 and below 2^31");
    assert_fault(f, clade_unfold(input_of(f, lines), .kernel = { 0 }), "1 to 3 axes");
    assert_fault(f, clade_unfold(input_of(f, lines), .kernel = { 11 }), "along axis 2 does not fit into 10");
    assert_fault(f, clade_fold(input_of(f, lines), .kernel = { 3 }, .image = { 9 }), "expected columns (N, C * 3, 7)");
    assert_fault(f, clade_fold(input_of(f, lines), .kernel = { 3 }, .image = { INT64_MAX / 2 }),
                 "along axis 2 does not fit into 4611686018427387903");
    assert_fault(f,
                 clade_fold(input_of(f, lines), .kernel = { 1 << 21, 1 << 21, 1 << 21 },
                            .image = { INT32_MAX, INT32_MAX, INT32_MAX }),
                 "too many places");
    assert_fault(f, clade_locally_connected2d(input_of(f, lines), .filters = 1, .kernel = { 1, 1 }),
                 "expected x (N, C, H, W)");
    assert_fault(f, clade_locally_connected2d(input_of(f, clade_shape(CLADE_BATCH, 1, 4, 4)), .kernel = { 1, 1 }),
                 "at least 1 filter");
}

static void test_faulty_products_say_what_was_expected(void **state) {
    fixture *f = *state;
    const clade_dims a = clade_shape(2, 3, 4, 5);
    clade_value other = clade_input(f->graph, "b", CLADE_F32, clade_shape(2, 3, 4, 5));
    assert_fault(f, clade_batched_matmul(input_of(f, a), other, false, false), "the same K");
    other = clade_input(f->graph, "b", CLADE_F32, clade_shape(4, 5, 5));
    assert_fault(f, clade_batched_matmul(input_of(f, a), other, false, false), "expected the axes before the last two");
    assert_fault(f, clade_batched_matmul(input_of(f, a), CLADE_NO_VALUE, false, false), "an input is not a value");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_over_one_or_two_axes_as_pytorch, open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_over_three_axes_as_pytorch, open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_transposed_as_pytorch, open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_columns_and_products_as_pytorch, open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_layers_own_weights_and_bias, open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_locally_connected_has_a_kernel_and_a_bias_for_each_pixel,
                                        open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_bias_reaches_every_element, open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_faults_say_what_was_expected, open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_faulty_products_say_what_was_expected, open_graph_fixture,
                                        close_graph_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
