/* Matrix products by CLBlast against plain loops. */
#include "helpers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 16 };
static float a[MOST], b[MOST], c[MOST], got[MOST];

static void skip_without_clblast(fixture *f) {
    const char *why = NULL;
    if (!clade_clblast_available(f->device, &why)) {
        print_message("skipped: %s\n", why);
        skip();
    }
}

static void fill(float *values, uint32_t seed) {
    for (size_t i = 0; i < MOST; i++) {
        seed = seed * 1664525u + 1013904223u;
        values[i] = (float)(seed >> 16) / 65536.0f - 0.5f;
    }
}

/* What the product must give for entry (i, j) of matrix z. */
static double expected(const clade_gemm *g, int64_t z, int64_t i, int64_t j) {
    const float *from_a = a + g->a_offset + z * g->a_stride, *from_b = b + g->b_offset + z * g->b_stride;
    double sum = 0;
    for (int64_t k = 0; k < g->k; k++) {
        double left = from_a[g->transpose_a ? k * g->lda + i : i * g->lda + k];
        double right = from_b[g->transpose_b ? j * g->ldb + k : k * g->ldb + j];
        sum += left * right;
    }
    const double old = c[g->c_offset + z * g->c_stride + i * g->ldc + j];
    return g->alpha * sum + (g->beta != 0 ? g->beta * old : 0);
}

/* Runs the product in buffers filled with numbers and checks C, and that nothing around it changed. */
static void check_product(fixture *f, clade_gemm g) {
    clade_commands *commands = NULL;
    static bool written[MOST];
    memset(written, 0, sizeof written);
    assert_ok(f->context, clade_buffer_new(f->device, sizeof a, "A", &g.a));
    assert_ok(f->context, clade_buffer_new(f->device, sizeof b, "B", &g.b));
    assert_ok(f->context, clade_buffer_new(f->device, sizeof c, "C", &g.c));
    assert_ok(f->context, clade_buffer_write(&g.a, 0, a, sizeof a));
    assert_ok(f->context, clade_buffer_write(&g.b, 0, b, sizeof b));
    assert_ok(f->context, clade_commands_new(f->device, &commands));
    assert_ok(f->context, clade_clblast_gemm(commands, "a product", &g));
    assert_ok(f->context, clade_buffer_write(&g.c, 0, c, sizeof c));
    const uint64_t calls = clade_clblast_calls(f->context);
    assert_ok(f->context, clade_commands_enqueue(commands));
    const uint64_t made = clade_clblast_calls(f->context) - calls;
    assert_true(made == 1 || made == (uint64_t)g.batch);
    assert_ok(f->context, clade_buffer_read(&g.c, 0, got, sizeof got));
    for (int64_t z = 0; z < g.batch; z++)
        for (int64_t i = 0; i < g.m; i++)
            for (int64_t j = 0; j < g.n; j++) {
                const int64_t at = g.c_offset + z * g.c_stride + i * g.ldc + j;
                written[at] = true;
                if (fabs(got[at] - expected(&g, z, i, j)) > 1e-5 * (double)g.k)
                    fail_msg("entry (%d, %d) of matrix %d is %g, not %g", (int)i, (int)j, (int)z, (double)got[at],
                             expected(&g, z, i, j));
            }
    for (size_t i = 0; i < MOST; i++)
        if (!written[i] && memcmp(&got[i], &c[i], sizeof(float)) != 0) fail_msg("entry %zu outside C changed", i);
    clade_commands_free(commands);
    clade_buffer_free(&g.a);
    clade_buffer_free(&g.b);
    clade_buffer_free(&g.c);
}

static void test_all_transposes_with_offsets_and_leading_dimensions(void **state) {
    fixture *f = *state;
    skip_without_clblast(f);
    for (int transposes = 0; transposes < 4; transposes++) {
        clade_gemm g = { .transpose_a = transposes & 1,
                         .transpose_b = transposes & 2,
                         .m = 5,
                         .n = 9,
                         .k = 13,
                         .batch = 1,
                         .alpha = 1.5f,
                         .beta = -0.5f,
                         .a_offset = 3,
                         .b_offset = 7,
                         .c_offset = 11,
                         .lda = 17,
                         .ldb = 19,
                         .ldc = 23 };
        check_product(f, g);
    }
}

static void test_batches_with_strides(void **state) {
    fixture *f = *state;
    skip_without_clblast(f);
    check_product(f, (clade_gemm){ .m = 6,
                                   .n = 10,
                                   .k = 4,
                                   .batch = 3,
                                   .alpha = 1,
                                   .lda = 4,
                                   .ldb = 10,
                                   .ldc = 10,
                                   .a_stride = 30,
                                   .b_stride = 0,
                                   .c_stride = 70 });
}

/* Sizes of whole tiles: CLBlast's batches would overlook that all share one A. */
static void test_batches_of_whole_tiles_that_share_a_matrix(void **state) {
    fixture *f = *state;
    skip_without_clblast(f);
    check_product(f, (clade_gemm){ .transpose_a = true,
                                   .m = 32,
                                   .n = 32,
                                   .k = 64,
                                   .batch = 3,
                                   .alpha = 1,
                                   .lda = 32,
                                   .ldb = 32,
                                   .ldc = 32,
                                   .a_stride = 0,
                                   .b_stride = 64 * 32,
                                   .c_stride = 32 * 32 });
}

static void test_old_values_do_not_count_when_beta_is_zero(void **state) {
    fixture *f = *state;
    skip_without_clblast(f);
    for (size_t i = 0; i < MOST; i++)
        c[i] = NAN;
    check_product(f,
                  (clade_gemm){ .m = 33, .n = 31, .k = 40, .batch = 1, .alpha = 1, .lda = 40, .ldb = 31, .ldc = 31 });
    fill(c, 3);
}

static void test_nothing_is_compiled_or_created_by_the_door_when_enqueued(void **state) {
    fixture *f = *state;
    skip_without_clblast(f);
    clade_commands *commands = NULL;
    clade_gemm g = { .m = 8, .n = 8, .k = 8, .batch = 1, .alpha = 1, .lda = 8, .ldb = 8, .ldc = 8 };
    assert_ok(f->context, clade_buffer_new(f->device, 1024, "A, B and C", &g.c));
    g.a = g.b = g.c;
    g.b_offset = 64;
    g.c_offset = 128;
    assert_ok(f->context, clade_buffer_fill(&g.c, 0));
    assert_ok(f->context, clade_commands_new(f->device, &commands));
    assert_ok(f->context, clade_clblast_gemm(commands, "a product", &g));
    assert_ok(f->context, clade_commands_enqueue(commands)); /* the first run waits for each command */
    const uint64_t calls = clade_opencl_calls_total(f->device->opencl);
    assert_ok(f->context, clade_commands_enqueue(commands));
    assert_int_equal(clade_opencl_calls_total(f->device->opencl), calls);
    assert_ok(f->context, clade_device_finish(f->device));
    clade_commands_free(commands);
    clade_buffer_free(&g.c);
}

static void test_products_beyond_their_buffers_are_refused(void **state) {
    fixture *f = *state;
    skip_without_clblast(f);
    clade_commands *commands = NULL;
    clade_gemm g = { .m = 4, .n = 4, .k = 4, .batch = 2, .alpha = 1, .lda = 4, .ldb = 4, .ldc = 4, .c_stride = 16 };
    assert_ok(f->context, clade_buffer_new(f->device, 128, "two matrices", &g.c));
    g.a = g.b = g.c;
    assert_ok(f->context, clade_commands_new(f->device, &commands));
    clade_gemm wrong = g;
    wrong.c_stride = 17;
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "fc1: 2 matrices C of 4 x 4",
                 clade_clblast_gemm(commands, "fc1", &wrong));
    wrong = g;
    wrong.a_offset = 17;
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "matrices A", clade_clblast_gemm(commands, "fc1", &wrong));
    wrong = g;
    wrong.ldb = 3;
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "matrices B", clade_clblast_gemm(commands, "fc1", &wrong));
    wrong = g;
    wrong.k = 0;
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "4 x 4 x 0", clade_clblast_gemm(commands, "fc1", &wrong));
    assert_int_equal(clade_commands_count(commands), 0);
    clade_commands_free(commands);
    clade_buffer_free(&g.c);
}

static void test_absent_library_is_told_with_what_to_install(void **state) {
    (void)state;
    fixture own = { .context = clade_context_new(NULL) }, *f = &own;
    clade_commands *commands = NULL;
    const char *why = NULL;
    const clade_gemm g = { .m = 1, .n = 1, .k = 1, .batch = 1, .lda = 1, .ldb = 1, .ldc = 1 };
    setenv("CLADE_CLBLAST_LIBRARY", "/nowhere/libclblast.so.1", 1);
    assert_ok(f->context, clade_device_open(f->context, 0, &f->device));
    assert_false(clade_clblast_available(f->device, &why));
    assert_non_null(strstr(why, "/nowhere/libclblast.so.1"));
    assert_ok(f->context, clade_commands_new(f->device, &commands));
    assert_fault(f->context, CLADE_ERROR_UNSUPPORTED, "apt-get install libclblast1",
                 clade_clblast_gemm(commands, "fc1", &g));
    unsetenv("CLADE_CLBLAST_LIBRARY");
    clade_commands_free(commands);
    close_fixture((void **)&f);
}

int main(void) {
    fill(a, 1);
    fill(b, 2);
    fill(c, 3);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_transposes_with_offsets_and_leading_dimensions),
        cmocka_unit_test(test_batches_with_strides),
        cmocka_unit_test(test_batches_of_whole_tiles_that_share_a_matrix),
        cmocka_unit_test(test_old_values_do_not_count_when_beta_is_zero),
        cmocka_unit_test(test_nothing_is_compiled_or_created_by_the_door_when_enqueued),
        cmocka_unit_test(test_products_beyond_their_buffers_are_refused),
        cmocka_unit_test(test_absent_library_is_told_with_what_to_install),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
