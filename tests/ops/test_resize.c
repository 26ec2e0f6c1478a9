/* Resizing against numbers computed independently (frozen.h), and what is refused. */
#include "frozen.h"

FROZEN(nearest,
       clade_resize(o->x, .to = { 0, 0, 9, 7 }, .coordinates = CLADE_RESIZE_ASYMMETRIC, .rounding = CLADE_RESIZE_FLOOR))
FROZEN(nearest_exact, clade_resize(o->x, .to = { 0, 0, 9, 3 }, .rounding = CLADE_RESIZE_ROUND_PREFER_CEIL))
FROZEN(bilinear, clade_resize(o->x, .to = { 0, 0, 8, 10 }, .mode = CLADE_RESIZE_LINEAR))
FROZEN(bilinear_by_scale, clade_resize(o->x, .scale = { 0, 0, 1.75f, 0.75f }, .mode = CLADE_RESIZE_LINEAR))
FROZEN(bilinear_corners,
       clade_resize(o->x, .to = { 0, 0, 7, 3 }, .mode = CLADE_RESIZE_LINEAR, .coordinates = CLADE_RESIZE_ALIGN_CORNERS))
FROZEN(bilinear_antialiased, clade_resize(o->x, .to = { 0, 0, 3, 7 }, .mode = CLADE_RESIZE_LINEAR, .antialias = true))
FROZEN(bicubic, clade_resize(o->x, .to = { 0, 0, 7, 9 }, .mode = CLADE_RESIZE_CUBIC))
FROZEN(bicubic_corners,
       clade_resize(o->x, .to = { 0, 0, 3, 9 }, .mode = CLADE_RESIZE_CUBIC, .coordinates = CLADE_RESIZE_ALIGN_CORNERS))
FROZEN(bicubic_antialiased,
       clade_resize(o->x, .to = { 0, 0, 4, 3 }, .mode = CLADE_RESIZE_CUBIC, .cubic = -0.5f, .antialias = true))
FROZEN(linear_of_one_axis, clade_resize(o->x, .to = { 0, 0, 11 }, .mode = CLADE_RESIZE_LINEAR))
FROZEN(trilinear, clade_resize(o->x, .scale = { 0, 0, 2, 2, 2 }, .mode = CLADE_RESIZE_LINEAR))

static const frozen rows[] = {
    { "nearest", nearest, { 4, { 2, 3, 4, 5 } }, { 4, { 2, 3, 9, 7 } }, 0.419642857143, -0.875, -0.5, { 0, { 0 } } },
    { "nearest_exact",
      nearest_exact,
      { 4, { 2, 3, 4, 5 } },
      { 4, { 2, 3, 9, 3 } },
      5.35714285714,
      -1.375,
      0.5,
      { 0, { 0 } } },
    { "bilinear",
      bilinear,
      { 4, { 2, 3, 4, 5 } },
      { 4, { 2, 3, 8, 10 } },
      -6.25669642857,
      -0.6171875,
      0.03125,
      { 0, { 0 } } },
    { "bilinear_by_scale",
      bilinear_by_scale,
      { 4, { 2, 3, 4, 5 } },
      { 4, { 2, 3, 7, 3 } },
      9.45280612245,
      -1.0193452381,
      -0.483630952381,
      { 0, { 0 } } },
    { "bilinear_corners",
      bilinear_corners,
      { 4, { 2, 3, 4, 5 } },
      { 4, { 2, 3, 7, 3 } },
      7.17857142857,
      -1.1875,
      -0.625,
      { 0, { 0 } } },
    { "bilinear_antialiased",
      bilinear_antialiased,
      { 4, { 2, 3, 10, 5 } },
      { 4, { 2, 3, 3, 7 } },
      0.554024768613,
      -0.161319612591,
      -0.0432808716707,
      { 0, { 0 } } },
    { "bicubic",
      bicubic,
      { 4, { 2, 3, 4, 5 } },
      { 4, { 2, 3, 7, 9 } },
      1.13468213512,
      0.186744149912,
      -0.71024660645,
      { 0, { 0 } } },
    { "bicubic_corners",
      bicubic_corners,
      { 4, { 2, 3, 4, 5 } },
      { 4, { 2, 3, 3, 9 } },
      2.81091308594,
      -0.757446289062,
      1.20825195312,
      { 0, { 0 } } },
    { "bicubic_antialiased",
      bicubic_antialiased,
      { 4, { 2, 3, 9, 11 } },
      { 4, { 2, 3, 4, 3 } },
      -1.09300673084,
      -0.0905010049602,
      0.00881993920385,
      { 0, { 0 } } },
    { "linear_of_one_axis",
      linear_of_one_axis,
      { 3, { 2, 3, 5 } },
      { 3, { 2, 3, 11 } },
      -2.64772727273,
      -0.443181818182,
      -1.09090909091,
      { 0, { 0 } } },
    { "trilinear",
      trilinear,
      { 5, { 1, 2, 2, 3, 4 } },
      { 5, { 1, 2, 4, 6, 8 } },
      2.52455357143,
      0.109375,
      1.326171875,
      { 0, { 0 } } },
};

static void test_numbers_are_those_computed_elsewhere(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        frozen_check(*state, &rows[i]);
}

#define FAULT_TEST(NAME, CALL, WORDS)                                                                                  \
    static void NAME(void **state) {                                                                                   \
        graph_fixture *f = *state;                                                                                     \
        const clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_BATCH, 3, 4, 5));                \
        const clade_value whole = clade_input(f->graph, "whole", CLADE_I32, clade_shape(3, 4));                        \
        (void)x;                                                                                                       \
        (void)whole;                                                                                                   \
        frozen_refused(f, CALL, WORDS);                                                                                \
    }

FAULT_TEST(test_resize_of_a_batch, clade_resize(x, .scale = { 2 }), "axis 0 cannot be given that size")
FAULT_TEST(test_resize_to_nothing, clade_resize(x, .scale = { 0, 0.1f }), "axis 1 cannot be given that size")
FAULT_TEST(test_resize_of_whole_numbers, clade_resize(whole, .to = { 5 }), "expected float32")

int main(void) {
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_graph_fixture, close_graph_fixture)
    const struct CMUnitTest tests[] = {
        TEST(test_numbers_are_those_computed_elsewhere),
        TEST(test_resize_of_a_batch),
        TEST(test_resize_to_nothing),
        TEST(test_resize_of_whole_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
