/* Whole numbers, running products and rounding to shorter types. By NumPy and Python's integers: bits, shifts, half precision,
 * products forwards; by PyTorch: bfloat16; by hand: quotients, remainders, products backwards. */
#include "support/device.h"

#include "clade/ops.h"
#include "clade/session.h"

#include <math.h>
#include <string.h>

enum { COUNT = 6 };

/* Runs Y, of COUNT elements, for A and B, each of COUNT elements or NULL. */
static void run(const graph_fixture *fixture, clade_value y, clade_value a, const void *in_a, clade_value b,
                const void *in_b, void *out) {
    clade_session *session;
    const clade_binding_array feeds[] = { { a, (void *)(uintptr_t)in_a, COUNT },
                                          { b, (void *)(uintptr_t)in_b, COUNT } };
    const clade_binding_array fetch = { y, out, COUNT };
    const clade_run_options options = { .size = sizeof options,
                                        .batch = 1,
                                        .time = 1,
                                        .feeds = feeds,
                                        .feed_count = in_b != NULL ? 2 : 1,
                                        .fetches = &fetch,
                                        .fetch_count = 1,
                                        .inference = true };
    assert_good(fixture->context, clade_session_new(fixture->device, fixture->graph, 0, &session));
    assert_good(fixture->context, clade_session_run(session, &options));
    clade_session_free(session);
}

static void test_whole_numbers(void **state) {
    const graph_fixture *fixture = *state;
    static const int32_t a[COUNT] = { 7, -7, 7, -7, INT32_MIN, 5 }, b[COUNT] = { 2, 2, -2, -2, -1, 0 };
    static const struct {
        clade_value (*call)(clade_value a, clade_value b);
        int32_t wanted[COUNT];
    } rows[] = {
        { clade_whole_divide, { 3, -3, -3, 3, INT32_MIN, 0 } },
        { clade_whole_remainder, { 1, -1, 1, -1, 0, 0 } },
        { clade_bits_and, { 2, 0, 6, -8, INT32_MIN, 0 } },
        { clade_bits_or, { 7, -5, -1, -1, -1, 5 } },
        { clade_bits_exclusive_or, { 5, -5, -7, 7, INT32_MAX, 5 } },
        { clade_shift_left, { 28, -28, -1073741824, 1073741824, 0, 5 } },
        { clade_shift_right, { 1, -2, 0, -1, -1, 5 } },
    };
    const clade_value x = clade_input(fixture->graph, "a", CLADE_I32, clade_shape(COUNT));
    const clade_value z = clade_input(fixture->graph, "b", CLADE_I32, clade_shape(COUNT));
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        int32_t got[COUNT];
        run(fixture, rows[r].call(x, z), x, a, z, b, got);
        for (int i = 0; i < COUNT; i++)
            if (got[i] != rows[r].wanted[i]) fail_msg("row %d, element %d: %d", (int)r, i, (int)got[i]);
    }
}

static void test_running_products(void **state) {
    const graph_fixture *fixture = *state;
    static const float a[COUNT] = { 0.5f, -2, 3, 4, 0.25f, 2 };
    static const float wanted[] = { 0.5f, -1, -3, 4, 1, 2 }, before[] = { -6, 3, 1, 0.5f, 2, 1 };
    float got[COUNT];
    const clade_value x = clade_input(fixture->graph, "a", CLADE_F32, clade_shape(COUNT));
    const clade_value rows = clade_reshape(x, clade_shape(2, 3));
    run(fixture, clade_running(rows, 1, true, false, false), x, a, x, NULL, got);
    for (int i = 0; i < COUNT; i++)
        assert_true(got[i] == wanted[i]);
    run(fixture, clade_running(rows, -1, true, true, true), x, a, x, NULL, got);
    for (int i = 0; i < COUNT; i++)
        assert_true(got[i] == before[i]);
}

static void test_rounding_to_shorter_types(void **state) {
    const graph_fixture *fixture = *state;
    static const float a[COUNT] = { 0.1f, 2049, 65519.996f, 65520, 1e-7f, -3.0051f };
    static const float half[] = { 0.0999755859375f, 2048, 65504, INFINITY, 1.1920928955078125e-07f, -3.005859375f };
    static const float brain[] = { 0.10009765625f, 2048, 65536, 65536, 1.0011717677116394e-07f, -3 };
    float got[COUNT];
    const clade_value x = clade_input(fixture->graph, "a", CLADE_F32, clade_shape(COUNT));
    run(fixture, clade_round_to_half(x), x, a, x, NULL, got);
    for (int i = 0; i < COUNT; i++)
        if (got[i] != half[i]) fail_msg("half, element %d: %.12g", i, (double)got[i]);
    run(fixture, clade_round_to_bfloat16(x), x, a, x, NULL, got);
    for (int i = 0; i < COUNT; i++)
        if (got[i] != brain[i]) fail_msg("bfloat16, element %d: %.12g", i, (double)got[i]);
}

static void test_types_that_do_not_fit_are_said(void **state) {
    const graph_fixture *fixture = *state;
    const clade_value x = clade_input(fixture->graph, "a", CLADE_F32, clade_shape(COUNT));
    clade_whole_divide(x, x);
    assert_int_not_equal(clade_graph_status(fixture->graph), CLADE_OK);
    assert_non_null(strstr(clade_error(fixture->context), "expected int32"));
}

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_graph_fixture, close_graph_fixture)
    const struct CMUnitTest tests[] = {
        TEST(test_whole_numbers),
        TEST(test_running_products),
        TEST(test_rounding_to_shorter_types),
        TEST(test_types_that_do_not_fit_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
