/* Points of the plane: each a function of spec, part and index alone, of classes as frequent as each other, and of the
 * shape that the kind's name says. */
#include "support/device.h"

#include "clade/data.h"
#include "data/points.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void test_every_kind_opens(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    assert_non_null(context);
    for (int kind = 0; clade_points_kinds[kind].name; kind++) {
        char spec[64];
        snprintf(spec, sizeof spec, "points:%s,90,30,5", clade_points_kinds[kind].name);
        clade_dataset *train, *test;
        assert_good(context, clade_dataset_open(context, spec, &train, &test));
        clade_dataset_info info = clade_dataset_describe(train);
        assert_int_equal(info.count, 90);
        assert_int_equal(clade_dataset_describe(test).count, 30);
        assert_true(info.channels == 2 && info.height == 1 && info.width == 1);
        assert_int_equal(info.classes, clade_points_kinds[kind].classes);
        int64_t of_class[8] = { 0 };
        for (int64_t i = 0; i < info.count; i++) {
            float point[2], again[2];
            int32_t label;
            assert_good(context, clade_dataset_read(train, &i, 1, point, &label));
            assert_true(fabsf(point[0]) < 1.6F && fabsf(point[1]) < 1.6F);
            assert_int_equal(clade_point_draw(kind, 5, "train", i, again), label);
            assert_memory_equal(point, again, sizeof point);
            clade_point_draw(kind, 5, "test", i, again);
            assert_memory_not_equal(point, again, sizeof point);
            clade_point_draw(kind, 6, "train", i, again);
            assert_memory_not_equal(point, again, sizeof point);
            of_class[label]++;
        }
        for (int64_t class = 0; class < info.classes; class ++)
            assert_int_equal(of_class[class], info.count / info.classes);
        clade_dataset_free(train);
        clade_dataset_free(test);
    }
    clade_context_free(context);
}

static int kind_of(const char *name) {
    int kind = 0;
    while (strcmp(clade_points_kinds[kind].name, name) != 0)
        kind++;
    return kind;
}

static void test_shapes_are_what_their_names_say(void **state) {
    (void)state;
    for (int64_t i = 0; i < 400; i++) {
        float point[2];
        int32_t class = clade_point_draw(kind_of("rings"), 0, "train", i, point);
        double radius = hypot((double)point[0], (double)point[1]);
        assert_true(class == 0 ? radius < 0.6 : radius > 0.45);
        class = clade_point_draw(kind_of("checker"), 0, "train", i, point);
        int column = (int)floor((point[0] + 1) * 2), row = (int)floor((point[1] + 1) * 2);
        assert_int_equal((column + row) % 2, class);
        class = clade_point_draw(kind_of("clusters"), 0, "train", i, point);
        double angle = 3.14159265358979 * (0.5 + 2.0 * class / 3);
        assert_true(hypot((double)point[0] - 0.6 * cos(angle), (double)point[1] - 0.6 * sin(angle)) < 0.9);
    }
}

static void test_specs_that_are_none_are_told(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "points",
        "points:",
        "points:mountains",
        "points:moon",
        "points:moons,",
        "points:moons,10",
        "points:moons,0,10",
        "points:moons,1,0",
        "points:moons,1,2,",
        "points:moons,1,2,3,4",
        "points:moons,1,x",
        "points:moons,-1,2",
        "points:moons,1,2000000000",
    };
    clade_context *context = clade_context_new(NULL);
    clade_dataset *train, *test;
    assert_non_null(context);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(clade_dataset_open(context, wrong[i], &train, &test), CLADE_ERROR_ARGUMENT);
        assert_non_null(strstr(clade_error(context), "clusters, moons, rings, spiral, checker"));
        assert_null(train);
        assert_null(test);
    }
    assert_good(context, clade_dataset_open(context, "points:spiral", &train, NULL));
    assert_int_equal(clade_dataset_describe(train).count, 1000);
    clade_dataset_free(train);
    clade_context_free(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_opens),
        cmocka_unit_test(test_shapes_are_what_their_names_say),
        cmocka_unit_test(test_specs_that_are_none_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
