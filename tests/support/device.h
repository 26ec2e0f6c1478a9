/* What tests that run something share: a context whose failures are shown, and the default device. */
#ifndef CLADE_TESTS_SUPPORT_DEVICE_H
#define CLADE_TESTS_SUPPORT_DEVICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clade/device.h"
#include "clade/graph.h"
#include "clade/session.h"

/* Fails the test with the context's error text when STATUS is a fault. */
#define assert_good(CONTEXT, CALL)                                                                                     \
    do {                                                                                                               \
        if ((CALL) != CLADE_OK) fail_msg("%s: %s", #CALL, clade_error(CONTEXT));                                       \
    } while (0)

/* A context and the device that CLADE_DEVICE or the default chooses. Fails the test when there is none. */
clade_device *open_test_device(clade_context **context);
void close_test_device(clade_context *context, clade_device *device);

/* The same with an empty graph; for cmocka's set-up and tear-down, with *STATE a graph_fixture. A test may open SESSION;
 * it is freed then. */
typedef struct graph_fixture {
    clade_context *context;
    clade_device *device;
    clade_graph *graph;
    clade_session *session;
} graph_fixture;

int open_graph_fixture(void **state);
int close_graph_fixture(void **state);

#endif
