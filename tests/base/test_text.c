/* Growing text, and a failure that is remembered. */
#include "base/text.h"
#include "support/short_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void test_empty_text_reads_as_empty(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_text text = { .context = context };
    assert_string_equal(clade_text_get(&text), "");
    clade_text_free(&text);
    clade_context_free(context);
}

static void test_text_grows_and_keeps_bytes(void **state) {
    (void)state;
    clade_context *context = clade_context_new(NULL);
    clade_text text = { .context = context };
    for (int i = 0; i < 5000; i++) {
        clade_text_add(&text, "%d,", i % 10);
    }
    clade_text_add_bytes(&text, "a\0b", 3);
    assert_false(text.failed);
    assert_int_equal(text.length, 10003);
    assert_memory_equal(text.data + 9998, "9,a\0b", 6);
    clade_text_free(&text);
    assert_string_equal(clade_text_get(&text), "");
    clade_context_free(context);
}

static void test_failed_growth_is_remembered(void **state) {
    (void)state;
    short_memory memory;
    clade_context *context = short_memory_context(&memory);
    clade_text text = { .context = context };
    clade_text_add(&text, "kept");
    memory.refuse_at = 1;
    clade_text_add(&text, "%1000d", 1);
    clade_text_add(&text, "dropped");
    assert_true(text.failed);
    assert_string_equal(clade_text_get(&text), "kept");
    clade_text_free(&text);
    clade_context_free(context);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_text_reads_as_empty),
        cmocka_unit_test(test_text_grows_and_keeps_bytes),
        cmocka_unit_test(test_failed_growth_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
