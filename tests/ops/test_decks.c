/* The numbers that the lecture decks print, on a device: N1 to N5 of the mission. The decks count a convolution's
 * bias and planes as here; where one speaks of a true convolution (conv2), that is .flip, since clade_convolve2d is a
 * correlation without it. */
#include "clade/ops.h"
#include "clade/session.h"
#include "passes/passes.h"

#include "support/device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef graph_fixture fixture;

/* Runs the graph with FEEDS and fetches VALUE into OUT. */
static void fetch(fixture *f, const clade_binding_array *feeds, size_t feed_count, clade_value value, float *out,
                  int64_t count) {
    assert_good(f->context, clade_graph_status(f->graph));
    clade_session *session = NULL;
    assert_good(f->context, clade_session_new(f->device, f->graph, 1, &session));
    const clade_binding_array fetches[] = { { value, out, count } };
    const clade_run_options options = { .size = sizeof options,
                                        .batch = 1,
                                        .feeds = feeds,
                                        .feed_count = feed_count,
                                        .fetches = fetches,
                                        .fetch_count = 1 };
    assert_good(f->context, clade_session_run(session, &options));
    clade_session_free(session);
}

/* X convolved by W (one image) into OUT. */
static void convolve(fixture *f, clade_dims x_dims, const float *x, clade_dims w_dims, const float *w,
                     const clade_conv2d_options *geometry, float *out, int64_t count) {
    clade_graph_free(f->graph);
    f->graph = clade_graph_new(f->context);
    clade_value image = clade_input(f->graph, "x", CLADE_F32, x_dims);
    clade_value filter = clade_input(f->graph, "w", CLADE_F32, w_dims);
    clade_value y = clade_convolve2d(image, filter, geometry);
    int64_t x_count = 1, w_count = 1;
    for (int i = 0; i < 4; i++) {
        x_count *= x_dims.size[i];
        w_count *= w_dims.size[i];
    }
    const clade_binding_array feeds[] = { { image, (void *)(uintptr_t)x, x_count },
                                          { filter, (void *)(uintptr_t)w, w_count } };
    fetch(f, feeds, 2, y, out, count);
}

static void assert_equal_floats(const float *got, const float *expected, int count) {
    for (int i = 0; i < count; i++) {
        if (got[i] != expected[i]) fail_msg("element %d is %g, printed %g", i, (double)got[i], (double)expected[i]);
    }
}

/* ---- N1: deck 000, the worked convolution ---- */

static const float n1_x[3][5][5] = {
    { { 0, 2, 1, 1, 1 }, { 2, 0, 2, 2, 0 }, { 1, 0, 1, 1, 2 }, { 0, 1, 1, 2, 0 }, { 2, 0, 0, 1, 2 } },
    { { 0, 1, 0, 0, 1 }, { 1, 2, 1, 0, 1 }, { 2, 1, 1, 2, 0 }, { 2, 2, 0, 2, 1 }, { 2, 2, 1, 0, 0 } },
    { { 0, 0, 0, 0, 1 }, { 1, 1, 2, 0, 2 }, { 0, 0, 0, 2, 1 }, { 2, 2, 2, 2, 0 }, { 0, 2, 0, 0, 1 } },
};
static const float n1_w[2][3][3][3] = {
    { { { 0, -1, 0 }, { 0, 1, 0 }, { 1, -1, -1 } },
      { { 0, 1, 0 }, { 1, 1, 0 }, { 1, 1, 1 } },
      { { 0, 0, 0 }, { 0, -1, -1 }, { 1, 0, 1 } } },
    { { { 0, 1, 1 }, { 1, -1, 0 }, { 1, 0, 1 } },
      { { -1, -1, 0 }, { -1, 0, -1 }, { 1, 1, 0 } },
      { { 0, 0, 1 }, { 1, -1, 1 }, { 1, 1, 0 } } },
};
static const float n1_bias[2] = { 1, 0 };
static const float n1_out[2][3][3] = {
    { { 3, 3, 5 }, { 8, 7, 12 }, { 5, 3, 3 } },
    { { 1, 8, 4 }, { 5, 8, 4 }, { -1, 3, -5 } },
};

static void test_n1_worked_convolution_of_deck_000(void **state) {
    fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(1, 3, 5, 5));
    clade_value w = clade_input(f->graph, "w", CLADE_F32, clade_shape(2, 3, 3, 3));
    clade_value b = clade_input(f->graph, "b", CLADE_F32, clade_shape(2));
    clade_conv2d_options geometry = { .size = sizeof geometry, .stride = { 2, 2 }, .pad = { 1, 1, 1, 1 } };
    clade_value y = clade_bias(clade_convolve2d(x, w, &geometry), b);
    const clade_binding_array feeds[] = { { x, (void *)(uintptr_t)n1_x, 75 },
                                          { w, (void *)(uintptr_t)n1_w, 54 },
                                          { b, (void *)(uintptr_t)n1_bias, 2 } };
    float out[18];
    fetch(f, feeds, 3, y, out, 18);
    assert_equal_floats(out, &n1_out[0][0][0], 18);
}

/* The same from the 7x7x3 volume as printed, its padding written out. */
static void test_n1_with_the_padding_in_the_input(void **state) {
    fixture *f = *state;
    float padded[3][7][7] = { 0 }, out[18];
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < 5; i++) {
            memcpy(&padded[c][i + 1][1], n1_x[c][i], sizeof n1_x[c][i]);
        }
    }
    const clade_conv2d_options geometry = { .size = sizeof geometry, .stride = { 2, 2 } };
    convolve(f, clade_shape(1, 3, 7, 7), &padded[0][0][0], clade_shape(2, 3, 3, 3), &n1_w[0][0][0][0], &geometry, out,
             18);
    for (int i = 0; i < 18; i++) {
        out[i] += n1_bias[i / 9];
    }
    assert_equal_floats(out, &n1_out[0][0][0], 18);
}

/* ---- N2: deck 004, conv2 ---- */

static void test_n2_conv2_full_valid_and_same_of_deck_004(void **state) {
    fixture *f = *state;
    const float a[] = { 0, 0, 1, 2, 2, 2, 0, 0, 2, 1, 2, 2, 3, 0, 1, 1 };
    const float b[] = { 0, 0, -1, 1, -1, 1, -1, 1, 1 };
    const float full[] = { 0, 0,  0, 0, -1, -2, 0, 0,  -1, -1, -1, 2, 2,  0, -3, 0, 1, 0,
                           0, -1, 4, 3, -1, 1,  1, -2, 5,  1,  4,  3, -3, 3, 2,  0, 2, 1 };
    const float valid[] = { -3, 0, 4, 3 };
    const float same[] = { 0, -1, -1, -1, 0, -3, 0, 1, -1, 4, 3, -1, -2, 5, 1, 4 };
    const struct {
        clade_padding padding;
        const float *expected;
        int count;
    } shapes[] = { { CLADE_PADDING_FULL, full, 36 },
                   { CLADE_PADDING_VALID, valid, 4 },
                   { CLADE_PADDING_SAME, same, 16 } };
    float out[36];
    for (int i = 0; i < 3; i++) {
        const clade_conv2d_options conv2 = { .size = sizeof conv2, .padding = shapes[i].padding, .flip = true };
        convolve(f, clade_shape(1, 1, 4, 4), a, clade_shape(1, 1, 3, 3), b, &conv2, out, shapes[i].count);
        assert_equal_floats(out, shapes[i].expected, shapes[i].count);
    }
}

/* ---- N3: deck 001, the binary image ---- */

static void test_n3_first_cell_of_the_convolved_feature_of_deck_001(void **state) {
    fixture *f = *state;
    const float image[] = { 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0 };
    const float filter[] = { 1, 0, 1, 0, 1, 0, 1, 0, 1 };
    float out[9];
    convolve(f, clade_shape(1, 1, 5, 5), image, clade_shape(1, 1, 3, 3), filter, NULL, out, 9);
    assert_true(out[0] == 4);
}

/* ---- N4: deck 000, max pooling ---- */

enum { N4_IN = 224, N4_OUT = 112, N4_CHANNELS = 64 };

/* Element (c, i, j) of a volume without two equal neighbours. */
static float n4_element(int64_t index) {
    return (float)((uint32_t)(index * 2654435761u) >> 8);
}

static int64_t n4_winner(const float *x, int c, int p, int q) {
    int64_t first = ((int64_t)c * N4_IN + 2 * p) * N4_IN + 2 * q, best = first;
    const int64_t others[] = { first + 1, first + N4_IN, first + N4_IN + 1 };
    for (int k = 0; k < 3; k++) {
        if (x[others[k]] > x[best]) best = others[k];
    }
    return best;
}

static void test_n4_max_pool_halves_and_routes_back_to_the_maximum(void **state) {
    fixture *f = *state;
    const int64_t in = (int64_t)N4_CHANNELS * N4_IN * N4_IN, out = (int64_t)N4_CHANNELS * N4_OUT * N4_OUT;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(1, N4_CHANNELS, N4_IN, N4_IN));
    clade_value w = clade_input(f->graph, "w", CLADE_F32, clade_shape(1, N4_CHANNELS, N4_OUT, N4_OUT));
    clade_value y = clade_max_pool(x, .kernel = { 2, 2 }, .stride = { 2, 2 });
    clade_dims dims = clade_value_dims(y);
    assert_int_equal(dims.rank, 4);
    assert_int_equal(dims.size[1], N4_CHANNELS);
    assert_int_equal(dims.size[2], N4_OUT);
    assert_int_equal(dims.size[3], N4_OUT);
    clade_value dx;
    assert_good(f->context, clade_gradient(y, w, &x, 1, &dx));

    float *data = calloc((size_t)in, sizeof *data), *pooled = calloc((size_t)out, sizeof *pooled);
    float *weights = calloc((size_t)out, sizeof *weights), *back = calloc((size_t)in, sizeof *back);
    assert_true(data != NULL && pooled != NULL && weights != NULL && back != NULL);
    for (int64_t i = 0; i < in; i++) {
        data[i] = n4_element(i);
    }
    for (int64_t i = 0; i < out; i++) {
        weights[i] = (float)(i % 1000 + 1);
    }
    const clade_binding_array feeds[] = { { x, data, in }, { w, weights, out } };
    fetch(f, feeds, 1, y, pooled, out);
    fetch(f, feeds, 2, dx, back, in);
    for (int64_t o = 0; o < out; o++) {
        int c = (int)(o / (N4_OUT * N4_OUT)), p = (int)(o / N4_OUT % N4_OUT), q = (int)(o % N4_OUT);
        int64_t winner = n4_winner(data, c, p, q);
        assert_true(pooled[o] == data[winner]);
        assert_true(back[winner] == weights[o]);
        back[winner] = 0;
    }
    for (int64_t i = 0; i < in; i++) {
        assert_true(back[i] == 0);
    }
    free(data);
    free(pooled);
    free(weights);
    free(back);
}

/* ---- N5: deck 003, the drumbeat ---- */

static void test_n5_correlation_of_100_samples_with_25_gives_76(void **state) {
    fixture *f = *state;
    float clip[100], beat[25], found[76], convolved[76];
    for (int i = 0; i < 100; i++) {
        clip[i] = (float)sin(0.7 * i) + (float)((i * 37) % 11) / 11.0f;
    }
    for (int i = 0; i < 25; i++) {
        beat[i] = (float)cos(0.3 * i) - (float)((i * 5) % 7) / 7.0f;
    }
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(1, 1, 100));
    clade_value w = clade_input(f->graph, "w", CLADE_F32, clade_shape(1, 1, 25));
    const clade_binding_array feeds[] = { { x, clip, 100 }, { w, beat, 25 } };
    clade_value correlation = clade_convolve1d(x, w, NULL);
    assert_int_equal(clade_value_dims(correlation).size[2], 76);
    fetch(f, feeds, 2, correlation, found, 76);
    for (int n = 24; n < 100; n++) { /* the convolution of clip with the reversed beat, where it is whole */
        double sum = 0;
        for (int k = 0; k < 25; k++) {
            sum += (double)beat[24 - k] * (double)clip[n - k];
        }
        assert_true(fabs(sum - (double)found[n - 24]) < 1e-5);
    }
    const clade_conv1d_options turned = { .size = sizeof turned, .flip = true };
    fetch(f, feeds, 2, clade_convolve1d(x, clade_reverse(w, 1u << 2), &turned), convolved, 76);
    for (int i = 0; i < 76; i++) {
        assert_true(fabs((double)convolved[i] - (double)found[i]) < 1e-5);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_n1_worked_convolution_of_deck_000, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_n1_with_the_padding_in_the_input, open_graph_fixture, close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_n2_conv2_full_valid_and_same_of_deck_004, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_n3_first_cell_of_the_convolved_feature_of_deck_001, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_n4_max_pool_halves_and_routes_back_to_the_maximum, open_graph_fixture,
                                        close_graph_fixture),
        cmocka_unit_test_setup_teardown(test_n5_correlation_of_100_samples_with_25_gives_76, open_graph_fixture,
                                        close_graph_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
