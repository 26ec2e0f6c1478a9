/* What the tests of the device room share: an open device, checks of errors, and a small program. */
#ifndef CLADE_TESTS_DEVICE_HELPERS_H
#define CLADE_TESTS_DEVICE_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/device.h"
#include "support/scratch.h"

/* A context and the device that CLADE_DEVICE or the default chooses; *STATE is a fixture. For cmocka's set-up. */
typedef struct fixture {
    clade_context *context;
    clade_device *device;
} fixture;

int open_fixture(void **state);
int close_fixture(void **state);

/* That CALL succeeds; else its error is shown. */
#define assert_ok(CONTEXT, CALL) check_ok(CONTEXT, CALL, #CALL, __FILE__, __LINE__)
/* That CALL gives STATUS, and that its error contains PART. */
#define assert_fault(CONTEXT, STATUS, PART, CALL) check_fault(CONTEXT, STATUS, PART, CALL, #CALL, __FILE__, __LINE__)
void check_ok(clade_context *context, clade_status status, const char *call, const char *file, int line);
void check_fault(clade_context *context, clade_status expected, const char *part, clade_status status, const char *call,
                 const char *file, int line);

/* Records a kernel that gives out[i] = factor * i for i < n, and guards its edge. */
clade_status record_ramp(clade_commands *commands, const clade_buffer *out, int64_t n, int64_t factor);
/* The same kernel with LOCAL as its group's size. */
clade_status record_ramp_in_groups(clade_commands *commands, const clade_buffer *out, int64_t n, int64_t factor,
                                   size_t local);
/* That OUT holds the ramp. */
void assert_ramp(clade_context *context, const clade_buffer *out, int64_t n, int64_t factor);

/* Puts Clade's caches into SCRATCH for this process from now on, and leaves the driver's own where they are. Call it
 * before the driver is loaded. */
void use_own_cache(const scratch_folder *scratch);

#endif
