/* Kernel files: includes resolved, and faults told with file and line. */
#include "helpers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static scratch_folder kernels;

static void write_kernel(const char *name, const char *text) {
    scratch_write(&kernels, name, text, strlen(text));
}

static void test_includes_are_resolved_with_line_marks(void **state) {
    fixture *f = *state;
    char *source = NULL;
    write_kernel("top.cl", "first\n  # include \"sub.h\"\nlast");
    write_kernel("sub.h", "inner\n#include \"leaf.h\"\n#include <system.h>\n");
    write_kernel("leaf.h", "leaf\n");
    assert_ok(f->context, clade_kernel_source(f->context, "top.cl", &source));
    assert_string_equal(source, "#line 1 \"top.cl\"\nfirst\n"
                                "#line 1 \"sub.h\"\ninner\n"
                                "#line 1 \"leaf.h\"\nleaf\n"
                                "#line 3 \"sub.h\"\n#include <system.h>\n"
                                "#line 3 \"top.cl\"\nlast\n");
    clade_free(f->context, source);
}

static void test_missing_file_is_named_with_who_wants_it(void **state) {
    fixture *f = *state;
    char *source = NULL;
    write_kernel("wants.cl", "#include \"nowhere.h\"\n");
    assert_int_not_equal(clade_kernel_source(f->context, "wants.cl", &source), CLADE_OK);
    assert_non_null(strstr(clade_error(f->context), "nowhere.h"));
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "no kernel file \"../wants.cl\"",
                 clade_kernel_source(f->context, "../wants.cl", &source));
    assert_null(source);
}

static void test_circle_of_includes_is_refused(void **state) {
    fixture *f = *state;
    char *source = NULL;
    write_kernel("a.h", "#include \"b.h\"\n");
    write_kernel("b.h", "#include \"a.h\"\n");
    write_kernel("circle.cl", "#include \"a.h\"\n");
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "kernel file a.h includes itself, through b.h",
                 clade_kernel_source(f->context, "circle.cl", &source));
}

static void test_deep_includes_are_refused(void **state) {
    fixture *f = *state;
    char *source = NULL, name[32], text[64];
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "deep%d.h", i);
        snprintf(text, sizeof text, "#include \"deep%d.h\"\n", i + 1);
        write_kernel(name, text);
    }
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "nested deeper than",
                 clade_kernel_source(f->context, "deep0.h", &source));
}

static void test_broken_kernel_is_told_with_file_line_options_and_device(void **state) {
    fixture *f = *state;
    cl_kernel kernel = NULL;
    write_kernel("good.h", "int helper(int x) { return x; }\n\nint broken( { }\n");
    write_kernel("broken.cl", "#include \"good.h\"\n__kernel void k(__global int *o) { o[0] = WIDTH; }\n");
    const int64_t objects = clade_opencl_objects(f->device->opencl);
    assert_fault(f->context, CLADE_ERROR_COMPILE,
                 "kernel file broken.cl does not compile with \"-cl-std=CL1.2 -DWIDTH=4\" on ",
                 clade_program_kernel(f->device, "broken.cl", "-DWIDTH=4", "k", &kernel));
    assert_non_null(strstr(clade_error(f->context), f->device->name));
    assert_non_null(strstr(clade_error(f->context), "good.h:3"));
    assert_null(kernel);
    write_kernel("broken.cl", "\n\n__kernel void k(__global int *o) { o[0] = undeclared; }\n");
    assert_fault(f->context, CLADE_ERROR_COMPILE, "broken.cl:3",
                 clade_program_kernel(f->device, "broken.cl", "", "k", &kernel));
    assert_int_equal(clade_opencl_objects(f->device->opencl), objects);
}

static void test_kernels_of_the_library_compile(void **state) {
    fixture *f = *state;
    cl_kernel kernel = NULL;
    char *source = NULL;
    unsetenv("CLADE_KERNELS");
    assert_ok(f->context, clade_program_kernel(f->device, "probe.cl", "", "probe", &kernel));
    clade_cl_ReleaseKernel(f->device->opencl, kernel);
    assert_fault(f->context, CLADE_ERROR_ARGUMENT, "no kernel file \"none.cl\"",
                 clade_kernel_source(f->context, "none.cl", &source));
    setenv("CLADE_KERNELS", kernels.folder, 1);
}

int main(void) {
    scratch_make(&kernels);
    setenv("CLADE_KERNELS", kernels.folder, 1);
    write_kernel("probe.cl", "#error the wrong one\n");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_includes_are_resolved_with_line_marks),
        cmocka_unit_test(test_missing_file_is_named_with_who_wants_it),
        cmocka_unit_test(test_circle_of_includes_is_refused),
        cmocka_unit_test(test_deep_includes_are_refused),
        cmocka_unit_test(test_broken_kernel_is_told_with_file_line_options_and_device),
        cmocka_unit_test(test_kernels_of_the_library_compile),
    };
    /* Several devices would want the probe before CLADE_KERNELS has it. */
    setenv("CLADE_DEVICE", "0", 0);
    int failed = cmocka_run_group_tests(tests, open_fixture, close_fixture);
    scratch_remove(&kernels);
    return failed;
}
