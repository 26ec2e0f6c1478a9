/* Drawings: places on a panel, what is left out, and text that stays well formed. */
#include "support/device.h"

#include "formats/svg.h"

#include <math.h>
#include <string.h>

typedef struct drawing {
    clade_context *context;
    clade_text svg;
    clade_panel panel; /* 100 x 50 pixels at (10, 20), for x in [0, 10] and y in [-1, 1] */
} drawing;

static drawing begin(void) {
    drawing d = { .context = clade_context_new(NULL) };
    assert_non_null(d.context);
    d.svg.context = d.context;
    d.panel = (clade_panel){ .x = 10, .y = 20, .width = 100, .height = 50, .right = 10, .bottom = -1, .top = 1 };
    return d;
}

static void finish(drawing *d) {
    assert_false(d->svg.failed);
    clade_text_free(&d->svg);
    clade_context_free(d->context);
}

static size_t count(const char *text, const char *word) {
    size_t found = 0;
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        found++;
    return found;
}

static void test_numbers_stand_where_they_belong(void **state) {
    (void)state;
    drawing d = begin();
    assert_true(clade_panel_x(&d.panel, 0) == 10 && clade_panel_x(&d.panel, 10) == 110);
    assert_true(clade_panel_y(&d.panel, 1) == 20 && clade_panel_y(&d.panel, -1) == 70);
    assert_true(clade_panel_y(&d.panel, 5) == 20 && clade_panel_y(&d.panel, -5) == 70); /* stays within */
    clade_panel powers = { .y = 0, .height = 30, .bottom = 1e-3, .top = 1, .log_y = true };
    assert_true(fabs(clade_panel_y(&powers, 1e-1) - 10) < 1e-9);
    assert_true(clade_panel_y(&powers, 0) == 30);
    finish(&d);
}

static void test_marks_are_round_numbers(void **state) {
    (void)state;
    assert_true(fabs(clade_svg_tick_distance(10) - 2) < 1e-12);
    assert_true(fabs(clade_svg_tick_distance(1) - 0.2) < 1e-12);
    assert_true(fabs(clade_svg_tick_distance(0.03) - 0.005) < 1e-12);
    assert_true(fabs(clade_svg_tick_distance(5000) - 1000) < 1e-9);
}

static void test_text_is_escaped(void **state) {
    (void)state;
    drawing d = begin();
    clade_svg_begin(&d.svg, 200, 100, "a < b & c\n");
    clade_svg_end(&d.svg);
    assert_non_null(strstr(clade_text_get(&d.svg), ">a &lt; b &amp; c</text>"));
    assert_int_equal(count(clade_text_get(&d.svg), "<g "), count(clade_text_get(&d.svg), "</g>"));
    finish(&d);
}

static void test_a_curve_breaks_where_a_number_is_none(void **state) {
    (void)state;
    drawing d = begin();
    d.panel.svg = &d.svg;
    const double x[] = { 0, 5, 6, 10, 10.01 }, y[] = { 0, (double)NAN, 1, -1, -1 };
    clade_panel_curve(&d.panel, x, y, 5, "stroke=\"#222\"");
    assert_string_equal(clade_text_get(&d.svg),
                        "<path stroke=\"#222\" d=\"M10.0 45.0M70.0 20.0L110.0 70.0L110.1 70.0\"/>\n");
    finish(&d);
}

static void test_equal_neighbours_become_one(void **state) {
    (void)state;
    drawing d = begin();
    d.panel.svg = &d.svg;
    const uint32_t cells[2][4] = { { 0xff0000, 0xff0000, 0xff0000, 0x00ff00 }, { 1, 1, 1, 1 } };
    clade_panel_cells(&d.panel, cells[0], 2, 4);
    const char *text = clade_text_get(&d.svg);
    assert_int_equal(count(text, "<path"), 3);
    assert_non_null(
        strstr(text, "<path fill=\"#ff0000\" d=\"M10.0 45.0h75.0v25.0H10.0z\"/>")); /* the first row: below */
    assert_non_null(strstr(text, "<path fill=\"#000001\" d=\"M10.0 20.0h100.0v25.0H10.0z\"/>"));
    finish(&d);
}

/* Values that grow to the right: one upright line where they pass the level. */
static void test_a_contour_lies_where_the_level_is_passed(void **state) {
    (void)state;
    drawing d = begin();
    d.panel.svg = &d.svg;
    const float values[2][3] = { { 0, 1, 2 }, { 0, 1, 2 } };
    clade_panel_contour(&d.panel, values[0], 2, 3, 0.5, "stroke=\"#222\"");
    const char *text = clade_text_get(&d.svg);
    assert_int_equal(count(text, "M35.0 70.0L35.0 20.0") + count(text, "M35.0 20.0L35.0 70.0"), 1);
    assert_int_equal(count(text, "L"), 1);
    finish(&d);
}

static void test_colours_mix(void **state) {
    (void)state;
    assert_int_equal(clade_svg_blend(0x000000, 0xff8040, 0), 0x000000);
    assert_int_equal(clade_svg_blend(0x000000, 0xff8040, 1), 0xff8040);
    assert_int_equal(clade_svg_blend(0x000000, 0xff8040, 0.5), 0x804020);
    assert_int_equal(clade_svg_blend(0x000000, 0xff8040, 7), 0xff8040);
    assert_string_equal(clade_svg_colour(0), "#1f6fb4");
    assert_int_equal(clade_svg_rgb(0), 0x1f6fb4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_stand_where_they_belong),
        cmocka_unit_test(test_marks_are_round_numbers),
        cmocka_unit_test(test_text_is_escaped),
        cmocka_unit_test(test_a_curve_breaks_where_a_number_is_none),
        cmocka_unit_test(test_equal_neighbours_become_one),
        cmocka_unit_test(test_a_contour_lies_where_the_level_is_passed),
        cmocka_unit_test(test_colours_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
