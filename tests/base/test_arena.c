/* The arena: alignment, blocks that never move, large requests, and memory that runs short. */
#include "base/arena.h"
#include "support/short_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdalign.h>
#include <string.h>

static void test_allocations_are_zeroed_aligned_and_do_not_move(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_arena arena = { .context = context };
    enum { COUNT = 2000 };
    unsigned char *made[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        size_t bytes = i % 97 == 0 ? 40000 : i % 61;
        made[i] = clade_arena_allocate(&arena, bytes, 1);
        assert_non_null(made[i]);
        assert_int_equal((uintptr_t)made[i] % alignof(max_align_t), 0);
        for (size_t j = 0; j < bytes; j++) {
            assert_int_equal(made[i][j], 0);
        }
        memset(made[i], (int)(i % 251) + 1, bytes);
    }
    for (size_t i = 0; i < COUNT; i++) {
        size_t bytes = i % 97 == 0 ? 40000 : i % 61;
        for (size_t j = 0; j < bytes; j++) {
            assert_int_equal(made[i][j], i % 251 + 1);
        }
    }
    clade_arena_clear(&arena);
    clade_context_free(context);
}

static void test_text_helpers_copy(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_arena arena = { .context = context };
    char text[] = "conv1";
    char *copy = clade_arena_string(&arena, text);
    text[0] = 'X';
    assert_string_equal(copy, "conv1");
    assert_string_equal(clade_arena_format(&arena, "%s.%d", "weight", 7), "weight.7");
    assert_memory_equal(clade_arena_copy(&arena, "abc", 3), "abc", 3);
    clade_arena_clear(&arena);
    assert_string_equal(clade_arena_string(&arena, "again"), "again");
    clade_arena_clear(&arena);
    clade_context_free(context);
}

static void test_product_that_overflows_is_refused(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_arena arena = { .context = context };
    assert_null(clade_arena_allocate(&arena, SIZE_MAX / 2, 3));
    assert_null(clade_arena_allocate(&arena, SIZE_MAX, 1));
    clade_arena_clear(&arena);
    clade_context_free(context);
}

static void test_short_memory_gives_null_and_leaks_nothing(void **state) {
    (void)state;
    short_memory memory;
    clade_context *context = short_memory_context(&memory);
    clade_arena arena = { .context = context };
    assert_non_null(clade_arena_allocate(&arena, 10, 1));
    memory.refuse_at = 1;
    assert_null(clade_arena_allocate(&arena, 1 << 20, 1));
    assert_non_null(clade_arena_allocate(&arena, 10, 1));
    clade_arena_clear(&arena);
    clade_context_free(context);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_are_zeroed_aligned_and_do_not_move),
        cmocka_unit_test(test_text_helpers_copy),
        cmocka_unit_test(test_product_that_overflows_is_refused),
        cmocka_unit_test(test_short_memory_gives_null_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
