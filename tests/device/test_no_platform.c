/* A machine without OpenCL: each way of lacking it is one clear line. The loader reads its settings once for a process,
 * so all of this executable runs without a platform. */
#include "helpers.h"

#include <stdlib.h>
#include <string.h>

static void assert_no_device(clade_status expected, const char *part) {
    clade_context *context = clade_context_new(NULL);
    size_t count = 7, index = 0;
    clade_device *device = NULL;
    assert_non_null(context);
    assert_fault(context, expected, part, clade_device_count(context, &count));
    assert_int_equal(count, 0);
    assert_null(strchr(clade_error(context), '\n'));
    assert_fault(context, expected, part, clade_device_choose(context, NULL, &index, NULL));
    assert_fault(context, expected, part, clade_device_open(context, 0, &device));
    assert_null(device);
    clade_context_free(context);
}

static void test_no_platform_says_what_to_install(void **state) {
    (void)state;
    assert_no_device(CLADE_ERROR_DEVICE, "apt-get install pocl-opencl-icd");
}

static void test_no_loader_says_what_to_install(void **state) {
    (void)state;
    setenv("CLADE_OPENCL_LIBRARY", "/nowhere/libOpenCL.so.1", 1);
    assert_no_device(CLADE_ERROR_DEVICE, "apt-get install ocl-icd-libopencl1");
    unsetenv("CLADE_OPENCL_LIBRARY");
}

static void test_a_library_that_is_no_loader_is_named_with_what_it_lacks(void **state) {
    (void)state;
    setenv("CLADE_OPENCL_LIBRARY", "libm.so.6", 1);
    assert_no_device(CLADE_ERROR_DEVICE, "libm.so.6 has no clGetPlatformIDs");
    unsetenv("CLADE_OPENCL_LIBRARY");
}

int main(void) {
    scratch_folder empty;
    scratch_make(&empty);
    char *folder = realpath(empty.folder, NULL);
    setenv("OCL_ICD_VENDORS", folder, 1);
    free(folder);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_platform_says_what_to_install),
        cmocka_unit_test(test_no_loader_says_what_to_install),
        cmocka_unit_test(test_a_library_that_is_no_loader_is_named_with_what_it_lacks),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_remove(&empty);
    return failed;
}
