/* Convolution by Fourier transforms on the device, in both forms, against the sum over the taps in double, for kernels
 * and pictures that need tiles of every kind. (The rows' own cases, with groups, padding and tails, run in selftest.) */
#include "support/device.h"

#include "clade/ops.h"
#include "clade/session.h"

#include <math.h>
#include <stdlib.h>

typedef struct shape {
    const char *name;
    int64_t batch, channels, filters, image[2], kernel[2], pad[2];
} shape;

static const shape shapes[] = {
    { "a large kernel on a small picture", 2, 3, 2, { 20, 23 }, { 15, 13 }, { 7, 6 } },
    { "one pattern on a picture of several tiles", 1, 1, 1, { 90, 130 }, { 31, 29 }, { 0, 0 } },
    { "a kernel as large as the picture", 3, 2, 3, { 33, 35 }, { 33, 35 }, { 0, 0 } },
    { "a kernel of one column", 1, 2, 2, { 150, 9 }, { 70, 1 }, { 0, 0 } },
    { "a signal of 100 by 25", 1, 1, 1, { 1, 100 }, { 1, 25 }, { 0, 0 } },
    { "signals longer than the longest line", 2, 2, 3, { 1, 9000 }, { 1, 300 }, { 0, 150 } },
};

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static float *numbers(int64_t count, int seed) {
    float *data = malloc((size_t)count * sizeof *data);
    assert_non_null(data);
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)((i * 7919 + seed * 104729) % 10007) / 5000.0F - 1.0F;
    return data;
}

static int64_t out_size(const shape *s, int axis) {
    return s->image[axis] + 2 * s->pad[axis] - s->kernel[axis] + 1;
}

/* y[n,k,p,q], by definition. */
static double sum_at(const shape *s, const float *x, const float *w, int64_t n, int64_t k, int64_t p, int64_t q) {
    double sum = 0;
    for (int64_t c = 0; c < s->channels; c++)
        for (int64_t r = 0; r < s->kernel[0]; r++)
            for (int64_t t = 0; t < s->kernel[1]; t++) {
                const int64_t h = p - s->pad[0] + r, v = q - s->pad[1] + t;
                if (h < 0 || h >= s->image[0] || v < 0 || v >= s->image[1]) continue;
                sum += (double)x[((n * s->channels + c) * s->image[0] + h) * s->image[1] + v] *
                       (double)w[((k * s->channels + c) * s->kernel[0] + r) * s->kernel[1] + t];
            }
    return sum;
}

/* Every so many elements of y; an error is relative to the largest that a sum of so many terms can be. */
static void assert_convolved(const shape *s, const float *x, const float *w, const float *y) {
    const int64_t rows = out_size(s, 0), columns = out_size(s, 1), count = s->batch * s->filters * rows * columns;
    const double scale = sqrt((double)(s->channels * s->kernel[0] * s->kernel[1]));
    const int64_t step = count > 2000 ? 97 : 1;
    for (int64_t i = 0; i < count; i += step) {
        const double wanted = sum_at(s, x, w, i / (s->filters * rows * columns), i / (rows * columns) % s->filters,
                                     i / columns % rows, i % columns);
        if (!(fabs((double)y[i] - wanted) <= 5e-6 * scale))
            fail_msg("%s: element %lld is %.7g, not %.7g", s->name, (long long)i, (double)y[i], wanted);
    }
}

static void convolve_all(void) {
    clade_context *context;
    clade_device *device = open_test_device(&context);
    for (int i = 0; i < SHAPES; i++) {
        const shape *s = &shapes[i];
        const int64_t x_count = s->batch * s->channels * s->image[0] * s->image[1];
        const int64_t w_count = s->filters * s->channels * s->kernel[0] * s->kernel[1];
        const int64_t y_count = s->batch * s->filters * out_size(s, 0) * out_size(s, 1);
        clade_graph *graph = clade_graph_new(context);
        clade_value x =
            clade_input(graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, s->channels, s->image[0], s->image[1]));
        clade_value w =
            clade_input(graph, "w", CLADE_F32, clade_shape(s->filters, s->channels, s->kernel[0], s->kernel[1]));
        const clade_conv2d_options geometry = { .size = sizeof geometry,
                                                .pad = { s->pad[0], s->pad[1], s->pad[0], s->pad[1] } };
        clade_value y = clade_convolve2d(x, w, &geometry);
        clade_session *session = NULL;
        assert_good(context, clade_session_new(device, graph, 0, &session));
        float *x_data = numbers(x_count, 1), *w_data = numbers(w_count, 2), *y_data = numbers(y_count, 3);
        const clade_binding_array feeds[] = { { x, x_data, x_count }, { w, w_data, w_count } };
        const clade_run_options run = { .size = sizeof run,
                                        .batch = s->batch,
                                        .feeds = feeds,
                                        .feed_count = 2,
                                        .fetches = &(clade_binding_array){ y, y_data, y_count },
                                        .fetch_count = 1 };
        assert_good(context, clade_session_run(session, &run));
        assert_convolved(s, x_data, w_data, y_data);
        free(x_data);
        free(w_data);
        free(y_data);
        clade_session_free(session);
        clade_graph_free(graph);
    }
    close_test_device(context, device);
}

static void test_transforms_agree_with_the_sum_over_taps(void **state) {
    (void)state;
    setenv("CLADE_FORCE", "fft", 1);
    convolve_all();
    unsetenv("CLADE_FORCE");
}

static void test_the_form_for_gpus_agrees_too(void **state) {
    (void)state;
    setenv("CLADE_FORCE", "fft", 1);
    setenv("CLADE_TREAT_AS", "gpu", 1);
    convolve_all();
    unsetenv("CLADE_TREAT_AS");
    unsetenv("CLADE_FORCE");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transforms_agree_with_the_sum_over_taps),
        cmocka_unit_test(test_the_form_for_gpus_agrees_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
