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
    FROZEN_ROW(nearest, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 9, 7), 0.419642857143, -0.875, -0.5),
    FROZEN_ROW(nearest_exact, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 9, 3), 5.35714285714, -1.375, 0.5),
    FROZEN_ROW(bilinear, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 8, 10), -6.25669642857, -0.6171875, 0.03125),
    FROZEN_ROW(bilinear_by_scale, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 7, 3), 9.45280612245, -1.0193452381,
               -0.483630952381),
    FROZEN_ROW(bilinear_corners, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 7, 3), 7.17857142857, -1.1875,
               -0.625),
    FROZEN_ROW(bilinear_antialiased, FROZEN_DIMS(4, 2, 3, 10, 5), FROZEN_DIMS(4, 2, 3, 3, 7), 0.554024768613,
               -0.161319612591, -0.0432808716707),
    FROZEN_ROW(bicubic, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 7, 9), 1.13468213512, 0.186744149912,
               -0.71024660645),
    FROZEN_ROW(bicubic_corners, FROZEN_DIMS(4, 2, 3, 4, 5), FROZEN_DIMS(4, 2, 3, 3, 9), 2.81091308594, -0.757446289062,
               1.20825195312),
    FROZEN_ROW(bicubic_antialiased, FROZEN_DIMS(4, 2, 3, 9, 11), FROZEN_DIMS(4, 2, 3, 4, 3), -1.09300673084,
               -0.0905010049602, 0.00881993920385),
    FROZEN_ROW(linear_of_one_axis, FROZEN_DIMS(3, 2, 3, 5), FROZEN_DIMS(3, 2, 3, 11), -2.64772727273, -0.443181818182,
               -1.09090909091),
    FROZEN_ROW(trilinear, FROZEN_DIMS(5, 1, 2, 2, 3, 4), FROZEN_DIMS(5, 1, 2, 4, 6, 8), 2.52455357143, 0.109375,
               1.326171875),
};

static void test_numbers_are_those_computed_elsewhere(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        frozen_check(*state, &rows[i]);
}

FROZEN_REFUSED_TEST(test_resize_of_a_batch, clade_resize(x, .scale = { 2 }), "axis 0 cannot be given that size")
FROZEN_REFUSED_TEST(test_resize_to_nothing, clade_resize(x, .scale = { 0, 0.1f }), "axis 1 cannot be given that size")
FROZEN_REFUSED_TEST(test_resize_of_whole_numbers, clade_resize(whole, .to = { 5 }), "expected float32")

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
