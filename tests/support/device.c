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

int open_graph_fixture(void **state) {
    static graph_fixture f;
    f.device = open_test_device(&f.context);
    f.graph = clade_graph_new(f.context);
    f.session = NULL;
    *state = &f;
    return f.graph != NULL ? 0 : -1;
}

int close_graph_fixture(void **state) {
    graph_fixture *f = *state;
    clade_session_free(f->session);
    clade_graph_free(f->graph);
    close_test_device(f->context, f->device);
    return 0;
}
