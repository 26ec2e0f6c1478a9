/* The tiles of GPU-like devices: what a device's limits leave of them, which a product is given, and CLADE_TREAT_AS,
 * which makes a GPU-like device of any. */
#include "ops/matmul/tiles.h"
#include "tune/trial.h"

#include "support/device.h"

#include <stdlib.h>

/* A product as clade_matmul's, on the device that KIND (NULL: none) makes of the default one. */
typedef struct setting {
    graph_fixture *fixture;
    clade_site site;
} setting;

static setting open_as(const char *kind) {
    setting s;
    if (kind != NULL)
        setenv("CLADE_TREAT_AS", kind, 1);
    else
        unsetenv("CLADE_TREAT_AS");
    void *state;
    assert_int_equal(open_graph_fixture(&state), 0);
    unsetenv("CLADE_TREAT_AS");
    s.fixture = state;
    clade_graph *graph = s.fixture->graph;
    clade_value y = clade_matmul(clade_input(graph, "a", CLADE_F32, clade_shape(70, 40)),
                                 clade_input(graph, "b", CLADE_F32, clade_shape(40, 30)), false, false);
    assert_good(s.fixture->context, clade_graph_status(graph));
    assert_good(s.fixture->context,
                clade_trial_site(s.fixture->device, clade_value_node(y), (clade_binding){ 1, 1 }, &s.site));
    return s;
}

static void close_setting(setting *s) {
    void *state = s->fixture;
    close_graph_fixture(&state);
}

static const clade_capabilities *limits_of(const setting *s) {
    return &s->site.device->capabilities;
}

static clade_capabilities limits_as(const char *kind) {
    setting s = open_as(kind);
    const clade_capabilities limits = *limits_of(&s);
    close_setting(&s);
    return limits;
}

static void test_treated_as_a_gpu_a_device_has_a_gpus_limits(void **state) {
    (void)state;
    const clade_capabilities real = limits_as(NULL), gpu = limits_as("gpu"), small = limits_as("gpu:64:16384");
    const clade_capabilities odd = limits_as("gpu:99999999:1");
    assert_false(gpu.is_cpu || gpu.unified_memory || gpu.local_memory_is_memory);
    assert_true(gpu.max_group_size <= 1024 && gpu.local_memory <= 48 << 10);
    assert_true(small.max_group_size <= 64 && small.local_memory <= 16384);
    for (int i = 0; i < 3; i++)
        assert_true(small.max_group_sizes[i] <= 64);
    assert_int_equal(odd.max_group_size, real.max_group_size);
    assert_int_equal(odd.local_memory, 1);
}

static void test_another_word_changes_nothing(void **state) {
    (void)state;
    const clade_capabilities real = limits_as(NULL), other = limits_as("cpu");
    assert_int_equal(other.is_cpu, real.is_cpu);
    assert_int_equal(other.local_memory, real.local_memory);
}

static void test_every_configuration_is_within_the_limits_of_a_group(void **state) {
    static const char *const kinds[] = { "gpu", "gpu:256:32768", "gpu:64:16384", "gpu:64:9600" };
    static const int expected[] = { 8, 8, 3, 3 };
    (void)state;
    for (int k = 0; k < 4; k++) {
        setting s = open_as(kinds[k]);
        const clade_tiled_product product = { 512, 512, 512, 1, 1 };
        char why[128];
        assert_true(clade_tiles_applicable(&s.site, why));
        assert_int_equal(clade_tiles_count(&s.site), expected[k]);
        for (s.site.configuration = 0; s.site.configuration < expected[k]; s.site.configuration++) {
            const clade_tile *tile = clade_tile_for(&s.site, &product);
            assert_true((size_t)clade_tile_items(tile) <= limits_of(&s)->max_group_size);
            assert_true((size_t)clade_tile_local_memory(tile) <= limits_of(&s)->local_memory);
        }
        close_setting(&s);
    }
}

static void test_a_device_too_small_for_any_tile_is_told_what_is_needed(void **state) {
    static const char *const kinds[] = { "gpu:63:65536", "gpu:64:9599" };
    (void)state;
    for (int k = 0; k < 2; k++) {
        setting s = open_as(kinds[k]);
        char why[128] = "";
        assert_false(clade_tiles_applicable(&s.site, why));
        assert_string_equal(why, "needs groups of 64 work-items and 9600 bytes of local memory");
        close_setting(&s);
    }
}

static void assert_tile(const setting *s, clade_tiled_product product, int64_t m, int64_t n) {
    const clade_tile *tile = clade_tile_for(&s->site, &product);
    assert_int_equal(tile->m, m);
    assert_int_equal(tile->n, n);
}

static void test_large_products_get_large_tiles_and_small_ones_small(void **state) {
    (void)state;
    setting s = open_as("gpu");
    assert_tile(&s, (clade_tiled_product){ 4096, 4096, 4096, 1, 1 }, 128, 128);
    assert_tile(&s, (clade_tiled_product){ 64, 65536, 576, 1, 1 }, 64, 128);
    assert_tile(&s, (clade_tiled_product){ 65536, 64, 576, 1, 1 }, 128, 64);
    assert_tile(&s, (clade_tiled_product){ 32, 32, 64, 1000, 1 }, 32, 32);
    assert_tile(&s, (clade_tiled_product){ 20, 128, 64, 1000, 1 }, 32, 64);
    close_setting(&s);
}

static void test_a_long_depth_over_a_small_result_is_cut_into_parts(void **state) {
    (void)state;
    const clade_tile tile = { 64, 64, 8, 8, 8, 1 };
    assert_int_equal(clade_tile_items(&tile), 64);
    assert_int_equal(clade_tile_parts(&tile, &(clade_tiled_product){ 4096, 4096, 4096, 1, 8 }), 1);
    assert_int_equal(clade_tile_parts(&tile, &(clade_tiled_product){ 64, 64, 65536, 1, 128 }), 128);
    assert_int_equal(clade_tile_parts(&tile, &(clade_tiled_product){ 64, 65, 65536, 2, 1000 }), 128);
    assert_int_equal(clade_tile_parts(&tile, &(clade_tiled_product){ 640, 640, 65536, 1, 1000 }), 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_treated_as_a_gpu_a_device_has_a_gpus_limits),
        cmocka_unit_test(test_another_word_changes_nothing),
        cmocka_unit_test(test_every_configuration_is_within_the_limits_of_a_group),
        cmocka_unit_test(test_a_device_too_small_for_any_tile_is_told_what_is_needed),
        cmocka_unit_test(test_large_products_get_large_tiles_and_small_ones_small),
        cmocka_unit_test(test_a_long_depth_over_a_small_result_is_cut_into_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
