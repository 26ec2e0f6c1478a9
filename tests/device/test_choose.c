/* Which device a word means, with two equal devices where the driver is PoCL. */
#include "helpers.h"

#include "device/state.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int new_context(void **state) {
    unsetenv("CLADE_DEVICE");
    *state = clade_context_new(NULL);
    return *state != NULL ? 0 : -1;
}

static int free_context(void **state) {
    clade_context_free(*state);
    return 0;
}

static const clade_device_record *record_of(clade_context *context, size_t index) {
    clade_device_record *record = NULL;
    assert_ok(context, clade_devices_get(context, index, &record));
    return record;
}

static void test_default_is_a_device_that_works_with_a_reason(void **state) {
    size_t index = 99, count = 0;
    const char *why = NULL;
    assert_ok(*state, clade_device_count(*state, &count));
    assert_ok(*state, clade_device_choose(*state, NULL, &index, &why));
    assert_true(index < count);
    assert_true(record_of(*state, index)->usable);
    assert_non_null(strstr(why, count == 1 ? "the only device" : "that works"));
}

static void test_largest_of_equal_devices_is_the_first(void **state) {
    size_t index = 99, count = 0;
    const char *why = NULL;
    assert_ok(*state, clade_device_count(*state, &count));
    if (count != 2 || strcmp(record_of(*state, 0)->name, record_of(*state, 1)->name) != 0) skip();
    assert_ok(*state, clade_device_choose(*state, NULL, &index, &why));
    assert_int_equal(index, 0);
    assert_string_equal(why, "the largest CPU that works");
    assert_true(record_of(*state, 0)->probed);
    assert_false(record_of(*state, 1)->probed);
}

static void test_device_that_computes_wrongly_is_passed_over(void **state) {
    size_t index = 99, count = 0;
    assert_ok(*state, clade_device_count(*state, &count));
    if (count != 2) skip();
    clade_device_record *first = NULL;
    assert_ok(*state, clade_devices_get(*state, 0, &first));
    first->probed = true;
    first->probe_status = CLADE_ERROR_DEVICE;
    assert_ok(*state, clade_device_choose(*state, NULL, &index, NULL));
    assert_int_equal(index, 1);
    first->usable = false;
    assert_ok(*state, clade_device_choose(*state, "cpu", &index, NULL));
    assert_int_equal(index, 1);
}

static void test_no_device_that_works_is_one_clear_line(void **state) {
    size_t index = 99, count = 0;
    assert_ok(*state, clade_device_count(*state, &count));
    for (size_t i = 0; i < count; i++) {
        clade_device_record *record = NULL;
        assert_ok(*state, clade_devices_get(*state, i, &record));
        record->usable = false;
    }
    assert_fault(*state, CLADE_ERROR_DEVICE, "works", clade_device_choose(*state, NULL, &index, NULL));
}

static void test_index_names_one_device(void **state) {
    size_t index = 99;
    const char *why = NULL;
    assert_ok(*state, clade_device_choose(*state, "0", &index, &why));
    assert_int_equal(index, 0);
    assert_string_equal(why, "asked for as 0");
}

static void test_index_beyond_the_list_names_the_devices(void **state) {
    size_t index = 99;
    assert_fault(*state, CLADE_ERROR_ARGUMENT, record_of(*state, 0)->name,
                 clade_device_choose(*state, "57", &index, NULL));
    assert_fault(*state, CLADE_ERROR_ARGUMENT, "does not exist",
                 clade_device_choose(*state, "99999999999999999999999", &index, NULL));
}

static void test_part_of_a_name_of_either_case_is_found(void **state) {
    size_t index = 99;
    char part[256];
    const char *name = record_of(*state, 0)->name;
    for (size_t i = 0; i <= strlen(name); i++)
        part[i] = (char)toupper((unsigned char)name[i]);
    assert_ok(*state, clade_device_choose(*state, part, &index, NULL));
    assert_string_equal(record_of(*state, index)->name, name);
    part[strlen(part) - 1] = '\0';
    assert_ok(*state, clade_device_choose(*state, part, &index, NULL));
    assert_string_equal(record_of(*state, index)->name, name);
}

static void test_word_that_fits_nothing_names_the_devices(void **state) {
    size_t index = 99;
    assert_fault(*state, CLADE_ERROR_ARGUMENT,
                 "fits none; the devices are 0: ", clade_device_choose(*state, "no such device", &index, NULL));
    assert_fault(*state, CLADE_ERROR_ARGUMENT, "is no name", clade_device_choose(*state, "", &index, NULL));
}

static void test_type_without_a_device_is_refused(void **state) {
    size_t index = 99, count = 0;
    assert_ok(*state, clade_device_count(*state, &count));
    for (size_t i = 0; i < count; i++)
        if (record_of(*state, i)->type & CL_DEVICE_TYPE_ACCELERATOR) skip();
    assert_fault(*state, CLADE_ERROR_ARGUMENT, "fits no accelerator that works",
                 clade_device_choose(*state, "accelerator", &index, NULL));
}

static void test_environment_stands_in_for_no_choice(void **state) {
    size_t index = 99;
    const char *why = NULL;
    setenv("CLADE_DEVICE", "0", 1);
    assert_ok(*state, clade_device_choose(*state, NULL, &index, &why));
    assert_string_equal(why, "CLADE_DEVICE=0");
    setenv("CLADE_DEVICE", "nothing like it", 1);
    assert_fault(*state, CLADE_ERROR_ARGUMENT, "\"nothing like it\" fits none",
                 clade_device_choose(*state, NULL, &index, NULL));
    assert_ok(*state, clade_device_choose(*state, "0", &index, &why));
}

static void test_part_of_names_unlike_each_other_is_refused(void **state) {
    size_t index = 99, count = 0;
    assert_ok(*state, clade_device_count(*state, &count));
    if (count != 2) skip();
    clade_device_record *second = NULL;
    assert_ok(*state, clade_devices_get(*state, 1, &second));
    strcpy(second->name, record_of(*state, 0)->name);
    strcat(second->name, "x");
    assert_fault(*state, CLADE_ERROR_ARGUMENT, "fits several devices",
                 clade_device_choose(*state, record_of(*state, 0)->platform_name, &index, NULL));
    /* A whole name wins, though it is part of the other. */
    assert_ok(*state, clade_device_choose(*state, record_of(*state, 0)->name, &index, NULL));
    assert_int_equal(index, 0);
}

static void test_properties_have_distinct_keys_and_values(void **state) {
    const clade_property *rows = NULL, *again = NULL;
    size_t count = 0;
    assert_ok(*state, clade_device_properties(*state, 0, &rows, &count));
    assert_true(count >= 20);
    for (size_t i = 0; i < count; i++) {
        assert_true(strlen(rows[i].key) > 0 && strlen(rows[i].label) > 0);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(rows[i].key, rows[k].key);
        if (strcmp(rows[i].key, "global_memory") == 0) assert_true(rows[i].is_number && rows[i].number > 1e6);
        if (strcmp(rows[i].key, "name") == 0) assert_string_equal(rows[i].text, record_of(*state, 0)->name);
    }
    assert_ok(*state, clade_device_properties(*state, 0, &again, &count));
    assert_ptr_equal(rows, again);
    assert_fault(*state, CLADE_ERROR_ARGUMENT, "no device 57", clade_device_properties(*state, 57, &rows, &count));
}

static clade_status choose_list(clade_context *context, const char *choices, clade_device_pick picks[], size_t *count) {
    memset(picks, 0xFF, CLADE_MAX_PICKS * sizeof *picks);
    return clade_device_choose_list(context, choices, picks, count);
}

static void test_a_list_names_devices_in_its_order(void **state) {
    clade_device_pick picks[CLADE_MAX_PICKS];
    size_t count = 0, devices = 0;
    assert_ok(*state, clade_device_count(*state, &devices));
    if (devices != 2) skip();
    assert_ok(*state, choose_list(*state, "1,0", picks, &count));
    assert_int_equal(count, 2);
    assert_int_equal(picks[0].index, 1);
    assert_int_equal(picks[1].index, 0);
    assert_int_equal(picks[0].parts, 1);
    assert_ok(*state, choose_list(*state, "all", picks, &count));
    assert_int_equal(count, 2);
    assert_int_equal(picks[0].index, 0);
    assert_ok(*state, choose_list(*state, record_of(*state, 1)->name, picks, &count));
    assert_int_equal(count, 1);
    assert_ok(*state, choose_list(*state, NULL, picks, &count));
    assert_int_equal(count, 1);
    setenv("CLADE_DEVICE", "0,1", 1);
    assert_ok(*state, choose_list(*state, NULL, picks, &count));
    assert_int_equal(count, 2);
    unsetenv("CLADE_DEVICE");
    assert_fault(*state, CLADE_ERROR_ARGUMENT, "in the list already", choose_list(*state, "0,1,0", picks, &count));
    assert_fault(*state, CLADE_ERROR_ARGUMENT, "the devices are 0: ", choose_list(*state, "0,warp", picks, &count));
    assert_fault(*state, CLADE_ERROR_ARGUMENT, "is no name", choose_list(*state, "0,", picks, &count));
    assert_int_equal(count, 0);
}

static void test_parts_are_devices_of_their_own(void **state) {
    clade_device_pick picks[CLADE_MAX_PICKS];
    size_t count = 0;
    if (choose_list(*state, "0/2", picks, &count) != CLADE_OK) skip(); /* one core, or no sub-devices */
    assert_int_equal(count, 2);
    clade_device *parts[2] = { NULL }, *whole = NULL;
    assert_ok(*state, clade_device_open(*state, 0, &whole));
    for (size_t i = 0; i < 2; i++) {
        char name[64];
        snprintf(name, sizeof name, "(part %zu of 2)", i + 1);
        assert_int_equal(picks[i].part, i);
        assert_ok(*state, clade_device_open_pick(*state, &picks[i], &parts[i]));
        assert_non_null(strstr(clade_device_name(parts[i]), name));
        assert_int_equal(parts[i]->capabilities.compute_units, whole->capabilities.compute_units / 2);
        assert_ok(*state, clade_device_probe(parts[i]));
    }
    const clade_opencl *opencl = whole->opencl;
    for (size_t i = 0; i < 2; i++)
        clade_device_close(parts[i]);
    clade_device_close(whole);
    assert_int_equal(clade_opencl_objects(opencl), 0);
    assert_ok(*state, choose_list(*state, "0/2:1", picks, &count));
    assert_int_equal(count, 1);
    assert_int_equal(picks[0].part, 1);
    assert_fault(*state, CLADE_ERROR_ARGUMENT, "in the list already", choose_list(*state, "0,0/2", picks, &count));
    assert_fault(*state, CLADE_ERROR_ARGUMENT, "expected /K", choose_list(*state, "0/2:2", picks, &count));
    assert_fault(*state, CLADE_ERROR_ARGUMENT, "expected /K", choose_list(*state, "0/0", picks, &count));
    assert_fault(*state, CLADE_ERROR_ARGUMENT, "compute units", choose_list(*state, "0/100000", picks, &count));
    assert_fault(*state, CLADE_ERROR_ARGUMENT, "fits none", choose_list(*state, "0/two", picks, &count));
}

int main(void) {
    setenv("POCL_DEVICES", "pthread pthread", 1);
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, new_context, free_context)
    const struct CMUnitTest tests[] = {
        TEST(test_default_is_a_device_that_works_with_a_reason),
        TEST(test_largest_of_equal_devices_is_the_first),
        TEST(test_device_that_computes_wrongly_is_passed_over),
        TEST(test_no_device_that_works_is_one_clear_line),
        TEST(test_index_names_one_device),
        TEST(test_index_beyond_the_list_names_the_devices),
        TEST(test_part_of_a_name_of_either_case_is_found),
        TEST(test_word_that_fits_nothing_names_the_devices),
        TEST(test_type_without_a_device_is_refused),
        TEST(test_environment_stands_in_for_no_choice),
        TEST(test_part_of_names_unlike_each_other_is_refused),
        TEST(test_properties_have_distinct_keys_and_values),
        TEST(test_a_list_names_devices_in_its_order),
        TEST(test_parts_are_devices_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
