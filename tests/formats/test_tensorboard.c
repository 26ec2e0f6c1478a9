/* Event files: records bit by bit, the messages in them, pictures, and disks that refuse. tests/cli/tensorboard.sh lets
 * TensorBoard's own reader see a run. */
#include "formats/tensorboard.h"

#include "base/file.h"
#include "base/hash.h"
#include "support/scratch.h"
#include "support/short_memory.h"
#include "tensorboard.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the framing ---- */

/* The check value of the polynomial (its sum of "123456789"), and of no bytes. */
static void test_crc_32c(void **state) {
    (void)state;
    assert_int_equal(clade_crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(clade_crc32c("", 0), 0);
}

/* As masked_crc32c() of TensorBoard 2.21's own writer gives it. */
static void test_a_record_has_these_bytes(void **state) {
    (void)state;
    static const uint8_t expected[] = { 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xea, 0xb2, 0x04,
                                        0x3e, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0xbb, 0x1f, 0x1c, 0x19 };
    clade_context *context = clade_context_new(NULL);
    clade_text out = { .context = context };
    clade_event_record(&out, "hello", 5);
    assert_int_equal(out.length, sizeof expected);
    assert_memory_equal(out.data, expected, sizeof expected);
    clade_text_free(&out);
    clade_context_free(context);
}

/* ---- what is read back ---- */

typedef struct bench {
    clade_context *context;
    scratch_folder scratch;
    clade_event_file file;
    char *data;
    size_t bytes, at;
} bench;

static int set_up(void **state) {
    static bench b;
    b = (bench){ .context = clade_context_new(NULL) };
    scratch_make(&b.scratch);
    *state = &b;
    return b.context ? 0 : -1;
}

static int tear_down(void **state) {
    bench *b = *state;
    clade_event_file_free(&b->file);
    clade_free(b->context, b->data);
    clade_context_free(b->context);
    scratch_remove(&b->scratch);
    return 0;
}

static void open_events(bench *b, int64_t step) {
    assert_int_equal(clade_event_file_open(b->context, b->scratch.folder, step, &b->file), CLADE_OK);
}

static void read_back(bench *b) {
    assert_int_equal(clade_event_file_flush(&b->file), CLADE_OK);
    assert_int_equal(clade_file_read(b->context, b->file.path, 1 << 20, &b->data, &b->bytes), CLADE_OK);
    b->at = 0;
}

/* The next event, whose record must be whole; NULL at the end. */
static Clade__Board__Event *next_event(bench *b) {
    if (b->at == b->bytes) return NULL;
    uint64_t length;
    assert_true(b->bytes - b->at >= 16);
    memcpy(&length, b->data + b->at, 8);
    assert_true(length <= b->bytes - b->at - 16);
    clade_text again = { .context = b->context };
    clade_event_record(&again, b->data + b->at + 12, length);
    assert_memory_equal(again.data, b->data + b->at, length + 16);
    clade_text_free(&again);
    Clade__Board__Event *event = clade__board__event__unpack(NULL, length, (const uint8_t *)b->data + b->at + 12);
    assert_non_null(event);
    b->at += length + 16;
    return event;
}

static void expect_start(bench *b, int64_t step) {
    Clade__Board__Event *event = next_event(b);
    assert_int_equal(event->what_case, CLADE__BOARD__EVENT__WHAT_VERSION);
    assert_string_equal(event->version, "brain.Event:2");
    assert_true(event->seconds > 1.7e9);
    clade__board__event__free_unpacked(event, NULL);
    event = next_event(b);
    assert_int_equal(event->what_case, CLADE__BOARD__EVENT__WHAT_SESSION);
    assert_int_equal(event->session->status, CLADE__BOARD__SESSION__STATUS__START);
    assert_int_equal(event->step, step);
    clade__board__event__free_unpacked(event, NULL);
}

static void test_scalars_read_back(void **state) {
    bench *b = *state;
    open_events(b, 0);
    clade_event_file_add_scalar(&b->file, 7, "train/loss", 0.5);
    clade_event_file_add_scalar(&b->file, 7, "train/accuracy", (double)NAN);
    clade_event_file_add_scalar(&b->file, INT64_C(1) << 40, "train/rate", 1e-3);
    read_back(b);
    expect_start(b, 0);
    Clade__Board__Event *event = next_event(b);
    assert_int_equal(event->step, 7);
    assert_int_equal(event->summary->n_values, 1);
    assert_string_equal(event->summary->values[0]->tag, "train/loss");
    assert_true(event->summary->values[0]->number == 0.5F);
    clade__board__event__free_unpacked(event, NULL);
    event = next_event(b);
    assert_int_equal(event->step, INT64_C(1) << 40);
    assert_true(event->summary->values[0]->number == 1e-3F);
    clade__board__event__free_unpacked(event, NULL);
    assert_null(next_event(b));
}

static void test_a_resumed_run_has_a_file_of_its_own(void **state) {
    bench *b = *state;
    open_events(b, 0);
    clade_event_file_free(&b->file);
    open_events(b, 40);
    assert_int_equal(scratch_count(&b->scratch), 2);
    read_back(b);
    expect_start(b, 41);
}

static void test_a_picture_reads_back(void **state) {
    bench *b = *state;
    for (int channels = 1; channels <= 3; channels += 2) {
        uint8_t pixels[3 * 5 * 7];
        for (int i = 0; i < channels * 5 * 7; i++)
            pixels[i] = (uint8_t)(i * 29);
        const clade_picture picture = { .channels = channels, .height = 5, .width = 7, .pixels = pixels };
        open_events(b, 0);
        assert_int_equal(clade_event_file_add_picture(&b->file, 3, "filters", &picture), CLADE_OK);
        read_back(b);
        expect_start(b, 0);
        Clade__Board__Event *event = next_event(b);
        const Clade__Board__Picture *written = event->summary->values[0]->picture;
        assert_int_equal(written->height, 5);
        assert_int_equal(written->width, 7);
        assert_int_equal(written->colour_space, channels);
        clade_picture back;
        assert_int_equal(
            clade_picture_decode(b->context, "x", written->encoded.data, written->encoded.len, NULL, &back), CLADE_OK);
        assert_int_equal(back.channels, channels);
        assert_memory_equal(back.pixels, pixels, (size_t)channels * 5 * 7);
        clade_picture_free(b->context, &back);
        clade__board__event__free_unpacked(event, NULL);
        clade_event_file_free(&b->file);
        clade_free(b->context, b->data);
        b->data = NULL;
    }
}

/* ---- what can go wrong ---- */

static void test_a_file_in_the_folders_place_is_one_line(void **state) {
    bench *b = *state;
    const char *path = scratch_write(&b->scratch, "taken", "x", 1);
    assert_int_not_equal(clade_event_file_open(b->context, path, 0, &b->file), CLADE_OK);
    assert_non_null(strstr(clade_error(b->context), "taken"));
    assert_null(strchr(clade_error(b->context), '\n'));
}

static void test_short_memory_is_told_and_leaves_whole_records(void **state) {
    (void)state;
    uint8_t pixels[12] = { 1, 2, 3 };
    const clade_picture picture = { .channels = 3, .height = 2, .width = 2, .pixels = pixels };
    for (long refused = 1;; refused++) {
        short_memory memory = { 0 };
        clade_context *context = short_memory_context(&memory);
        bench b = { .context = context };
        scratch_make(&b.scratch);
        open_events(&b, 0);
        memory.refuse_at = refused;
        clade_event_file_add_scalar(&b.file, 1, "train/loss", 1);
        clade_status status = clade_event_file_add_picture(&b.file, 1, "filters", &picture);
        if (status == CLADE_OK) status = clade_event_file_flush(&b.file);
        memory.refuse_at = 0;
        assert_int_equal(status, memory.refused ? CLADE_ERROR_MEMORY : CLADE_OK);
        read_back(&b);
        expect_start(&b, 0);
        for (Clade__Board__Event *event = next_event(&b); event; event = next_event(&b))
            clade__board__event__free_unpacked(event, NULL);
        clade_event_file_free(&b.file);
        clade_free(context, b.data);
        clade_context_free(context);
        assert_int_equal(memory.alive, 0);
        scratch_remove(&b.scratch);
        if (!memory.refused) break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc_32c),
        cmocka_unit_test(test_a_record_has_these_bytes),
        cmocka_unit_test_setup_teardown(test_scalars_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_resumed_run_has_a_file_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_picture_reads_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_in_the_folders_place_is_one_line, set_up, tear_down),
        cmocka_unit_test(test_short_memory_is_told_and_leaves_whole_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
