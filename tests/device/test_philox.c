/* Philox on the device is Philox on the host: the same words for the same key and counter. */
#include "base/random.h"
#include "base/text.h"
#include "helpers.h"

static const char draw_source[] =
    "\n__kernel void draw(__global uint *out, __global float *uniform, int key, int n) {\n"
    "    uint i = (uint)get_global_id(0);\n"
    "    if (i >= (uint)n) return;\n"
    "    uint4 drawn = philox((uint2)((uint)key, i * 77777u), (uint4)(i, ~i, i << 16, 5u));\n"
    "    vstore4(drawn, i, out);\n"
    "    uniform[i] = philox_uniform(drawn.x);\n"
    "}\n";

static void test_device_draws_what_the_host_draws(void **state) {
    fixture *f = *state;
    enum { N = 1000, KEY = 0x12345678 };
    static uint32_t words[4 * N];
    static float uniform[N];
    clade_text source = { .context = f->context };
    char *philox = NULL;
    assert_ok(f->context, clade_kernel_source(f->context, "philox.h", &philox));
    clade_text_add(&source, "%s%s", philox, draw_source);
    clade_free(f->context, philox);
    assert_false(source.failed);

    clade_buffer out, out_uniform;
    clade_commands *commands = NULL;
    assert_ok(f->context, clade_buffer_new(f->device, sizeof words, "the words", &out));
    assert_ok(f->context, clade_buffer_new(f->device, sizeof uniform, "the uniform draws", &out_uniform));
    assert_ok(f->context, clade_commands_new(f->device, &commands));
    const clade_argument arguments[] = { clade_buffer_argument(&out), clade_buffer_argument(&out_uniform),
                                         clade_int_argument(KEY), clade_int_argument(N) };
    assert_ok(f->context, clade_commands_launch(commands, &(clade_launch){ .source = clade_text_get(&source),
                                                                           .title = "draw",
                                                                           .kernel = "draw",
                                                                           .global = { N },
                                                                           .arguments = arguments,
                                                                           .argument_count = 4 }));
    assert_ok(f->context, clade_commands_enqueue(commands));
    assert_ok(f->context, clade_buffer_read(&out, 0, words, sizeof words));
    assert_ok(f->context, clade_buffer_read(&out_uniform, 0, uniform, sizeof uniform));
    for (uint32_t i = 0; i < N; i++) {
        const uint32_t key[2] = { KEY, i * 77777u }, counter[4] = { i, ~i, i << 16, 5 };
        uint32_t expected[4];
        clade_philox(key, counter, expected);
        assert_memory_equal(words + 4 * i, expected, sizeof expected);
        assert_true(uniform[i] == (float)(expected[0] >> 8) / 16777216.0f);
    }
    clade_commands_free(commands);
    clade_buffer_free(&out);
    clade_buffer_free(&out_uniform);
    clade_text_free(&source);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_device_draws_what_the_host_draws, open_fixture, close_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
