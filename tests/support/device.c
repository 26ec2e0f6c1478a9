#include "support/device.h"

clade_device *open_test_device(clade_context **context) {
    clade_device *device = NULL;
    size_t index = 0;
    *context = clade_context_new(NULL);
    assert_non_null(*context);
    assert_good(*context, clade_device_choose(*context, NULL, &index, NULL));
    assert_good(*context, clade_device_open(*context, index, &device));
    return device;
}

void close_test_device(clade_context *context, clade_device *device) {
    clade_device_close(device);
    clade_context_free(context);
}
