/* The frame: the list, what is refused, results that come again, and pictures that are whole or not there. */
#include "experiments/helpers.h"

#include "support/short_memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_the_list_is_sorted_and_found(void **state) {
    (void)state;
    const clade_experiment *const *list = clade_experiment_list();
    assert_non_null(list[0]);
    for (size_t i = 0; list[i]; i++) {
        assert_ptr_equal(clade_experiment_find(list[i]->name), list[i]);
        assert_true(list[i]->title[0] != '\0');
        if (i > 0) assert_true(strcmp(list[i - 1]->name, list[i]->name) < 0);
        for (const clade_setting *setting = list[i]->settings; setting && setting->name; setting++)
            assert_true(setting->least <= setting->value && setting->value <= setting->most && setting->help[0]);
    }
    assert_null(clade_experiment_find("alchemy"));
    assert_null(clade_experiment_find(NULL));
}

static void expect_fault(fixture *f, const char *name, clade_experiment_options options, clade_status status,
                         const char *words) {
    clade_experiment_result *result = (clade_experiment_result *)f;
    options.size = sizeof options;
    assert_int_equal(clade_experiment_run(f->context, name, &options, &result), status);
    assert_null(result);
    if (!strstr(clade_error(f->context), words)) fail_msg("\"%s\" lacks \"%s\"", clade_error(f->context), words);
    assert_null(strchr(clade_error(f->context), '\n'));
}

static void test_what_is_wrong_is_said(void **state) {
    fixture *f = *state;
    const clade_experiment_options good = { .device = f->device };
    clade_experiment_options options = good;
    expect_fault(f, "alchemy", good, CLADE_ERROR_ARGUMENT, "known are");
    expect_fault(f, "ravine", (clade_experiment_options){ .device = NULL }, CLADE_ERROR_ARGUMENT, "device");
    options.data = "digits";
    expect_fault(f, "ravine", options, CLADE_ERROR_ARGUMENT, "takes no other");
    options = good;
    options.setting_count = 1;
    options.settings = &(clade_setting_value){ "temperature", 1 };
    expect_fault(f, "ravine", options, CLADE_ERROR_ARGUMENT, "it has steps, rate");
    options.settings = &(clade_setting_value){ "steps", 0 };
    expect_fault(f, "ravine", options, CLADE_ERROR_ARGUMENT, "whole number from 1");
    options.settings = &(clade_setting_value){ "steps", 2.5 };
    expect_fault(f, "ravine", options, CLADE_ERROR_ARGUMENT, "2.5");
    options.settings = &(clade_setting_value){ "rate", (double)NAN };
    expect_fault(f, "ravine", options, CLADE_ERROR_ARGUMENT, "rate wants");
    options = good;
    options.data = "points:mountains";
    expect_fault(f, "points", options, CLADE_ERROR_ARGUMENT, "clusters, moons");
    options.data = "digits";
    expect_fault(f, "points", options, CLADE_ERROR_INPUT, "1x28x28");
    options.data = "points:moons";
    expect_fault(f, "hopfield", options, CLADE_ERROR_INPUT, "grey pictures");
    expect_fault(f, "boltzmann", options, CLADE_ERROR_INPUT, "grey pictures");
    options.data = "digits:30,10";
    expect_fault(f, "boltzmann", options, CLADE_ERROR_INPUT, "30 samples");
    expect_fault(f, "gradients", options, CLADE_ERROR_INPUT, "30 samples");
}

static void expect_equal(const clade_experiment_result *a, const clade_experiment_result *b) {
    assert_int_equal(a->row_count, b->row_count);
    assert_int_equal(a->column_count, b->column_count);
    for (size_t i = 0; i < a->row_count * a->column_count; i++) {
        assert_string_equal(a->cells[i].text, b->cells[i].text);
        assert_int_equal(a->cells[i].is_number, b->cells[i].is_number);
    }
    assert_int_equal(a->figure_count, b->figure_count);
    for (size_t i = 0; i < a->figure_count; i++)
        assert_memory_equal(&a->figures[i].value, &b->figures[i].value, sizeof(double));
}

static void test_the_same_options_give_the_same_bits(void **state) {
    fixture *f = *state;
    clade_experiment_result *first = run(f, "perceptron", NULL, "epochs", 50.0, NULL);
    clade_experiment_result *again = run(f, "perceptron", NULL, "epochs", 50.0, NULL);
    expect_equal(first, again);
    clade_experiment_result_free(first);
    clade_experiment_result_free(again);
    first = run(f, "boltzmann", "digits:200,10", "epochs", 1.0, "chain", 3.0, NULL);
    again = run(f, "boltzmann", "digits:200,10", "epochs", 1.0, "chain", 3.0, NULL);
    expect_equal(first, again);
    clade_experiment_result_free(first);
    clade_experiment_result_free(again);
}

static void test_a_table_longer_than_its_first_room(void **state) {
    fixture *f = *state;
    clade_experiment_result *result = run(f, "boltzmann", "digits:50,10", "epochs", 40.0, "chain", 1.0, NULL);
    assert_int_equal(result->row_count, 40);
    for (size_t row = 0; row < 40; row++)
        assert_true(result->cells[row * result->column_count].number == (double)row + 1);
    clade_experiment_result_free(result);
}

static void test_without_a_folder_nothing_is_drawn(void **state) {
    fixture *f = *state;
    clade_experiment_result *result = NULL;
    const clade_setting_value steps = { "steps", 3 };
    const clade_experiment_options options = {
        .size = sizeof options, .device = f->device, .settings = &steps, .setting_count = 1
    };
    assert_good(f->context, clade_experiment_run(f->context, "ravine", &options, &result));
    assert_int_equal(result->picture_count, 0);
    assert_true(isnan(figure(result, "descent_steps")));
    assert_int_equal(scratch_count(&f->scratch), 0);
    clade_experiment_result_free(result);
    clade_experiment_result_free(NULL);
}

/* A folder stands where the second picture should: the first is whole, and nothing is left over of the second. */
static void test_a_picture_that_cannot_be_written_is_a_clear_fault(void **state) {
    fixture *f = *state;
    const clade_setting_value steps = { "steps", 3 };
    clade_experiment_options options = { .device = f->device, .settings = &steps, .setting_count = 1 };
    options.folder = scratch_write(&f->scratch, "file", "x", 1);
    expect_fault(f, "ravine", options, CLADE_ERROR_SYSTEM, "file");
    char blocked[600];
    options.size = sizeof options;
    options.folder = scratch_path(&f->scratch, "descent.svg/below");
    clade_experiment_result *result = NULL;
    assert_good(f->context, clade_experiment_run(f->context, "ravine", &options, &result)); /* makes that folder */
    clade_experiment_result_free(result);
    strcpy(blocked, f->scratch.folder);
    options.folder = blocked;
    expect_fault(f, "ravine", options, CLADE_ERROR_SYSTEM, "descent.svg");
    assert_int_equal(scratch_count(&f->scratch), 3); /* file, descent.svg/, path.svg */
}

/* Each allocation in turn is refused: one clear fault, and nothing leaks. */
static void test_short_memory_is_told(void **state) {
    (void)state;
    short_memory memory = { 0 };
    clade_context *context = short_memory_context(&memory);
    clade_device *device = NULL;
    size_t index = 0;
    const clade_setting_value steps = { "steps", 2 };
    assert_good(context, clade_device_choose(context, NULL, &index, NULL));
    assert_good(context, clade_device_open(context, index, &device));
    const clade_experiment_options options = {
        .size = sizeof options, .device = device, .settings = &steps, .setting_count = 1
    };
    bool done = false;
    for (long refuse = 0; !done; refuse += refuse < 40 ? 1 : 37) {
        clade_experiment_result *result = NULL;
        memory.refused = false;
        memory.refuse_at = refuse;
        clade_status status = clade_experiment_run(context, "ravine", &options, &result);
        done = refuse > 0 && !memory.refused;
        if (memory.refused && status != CLADE_OK) assert_true(strstr(clade_error(context), "memory") != NULL);
        if (!memory.refused) assert_int_equal(status, CLADE_OK);
        clade_experiment_result_free(result);
    }
    memory.refuse_at = 0;
    clade_device_close(device);
    clade_context_free(context);
    assert_int_equal(memory.alive, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_list_is_sorted_and_found),
        cmocka_unit_test_setup_teardown(test_what_is_wrong_is_said, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_same_options_give_the_same_bits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_table_longer_than_its_first_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_a_folder_nothing_is_drawn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_picture_that_cannot_be_written_is_a_clear_fault, set_up, tear_down),
        cmocka_unit_test(test_short_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
