/* CSV tables: fields, kinds of columns, parts, and what is refused with its line. */
#include "data/helpers.h"

#include "base/context.h"
#include "clade/data.h"
#include "formats/csv.h"
#include "support/short_memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clade_status open_table(struct data_fixture *f, const char *text, const char *options) {
    clade_dataset_free(f->train);
    clade_dataset_free(f->test);
    f->train = f->test = NULL;
    snprintf(f->spec, sizeof f->spec, "csv:%s%s", scratch_write(&f->scratch, "t.csv", text, strlen(text)), options);
    return clade_dataset_open(f->context, f->spec, &f->train, &f->test);
}

static void refused(struct data_fixture *f, const char *text, const char *options, const char *words) {
    assert_int_not_equal(open_table(f, text, options), CLADE_OK);
    if (!strstr(clade_error(f->context), words)) fail_msg("'%s' does not hold '%s'", clade_error(f->context), words);
    assert_null(strchr(clade_error(f->context), '\n'));
    assert_null(f->train);
    assert_null(f->test);
}

static void test_fields_with_quotes_blanks_and_any_line_end(void **state) {
    struct data_fixture *f = *state;
    static const char text[] = "\xef\xbb\xbfname ; \"a; b\";c\r\n\r\n \"say \"\"hi\"\"\n there\" ; 2 ;\n x y;;3";
    clade_csv table;
    assert_int_equal(clade_csv_decode(f->context, "t", text, sizeof text - 1, &table), CLADE_OK);
    assert_int_equal(table.columns, 3);
    assert_int_equal(table.rows, 2);
    assert_int_equal(clade_csv_column(&table, "a; b"), 1);
    assert_int_equal(clade_csv_column(&table, "d"), -1);
    assert_string_equal(clade_csv_field(&table, 0, 0), "say \"hi\"\n there");
    assert_string_equal(clade_csv_field(&table, 0, 1), "2");
    assert_string_equal(clade_csv_field(&table, 0, 2), "");
    assert_string_equal(clade_csv_field(&table, 1, 0), "x y");
    assert_string_equal(clade_csv_field(&table, 1, 2), "3");
    assert_int_equal(clade_csv_line(&table, 0), 3);
    assert_int_equal(clade_csv_line(&table, 1), 5);
    clade_csv_free(f->context, &table);
}

/* Rows 0 to 3 are for training, row 4 for testing. */
static const char applicants[] = "income,town,age,credit\n"
                                 "10,Bonn,20,yes\n"
                                 "20,Ulm,30,no\n"
                                 "30,Bonn,20,yes\n"
                                 "40,Trier,30,no\n"
                                 "50,Ulm,25,no\n";

static void test_numbers_are_normalised_and_words_one_hot(void **state) {
    struct data_fixture *f = *state;
    assert_int_equal(open_table(f, applicants, ""), CLADE_OK);
    const clade_dataset_info info = clade_dataset_describe(f->train);
    assert_string_equal(info.name, "csv train");
    assert_int_equal(info.count, 4);
    assert_int_equal(info.channels, 5);
    assert_int_equal(info.height * info.width, 1);
    assert_int_equal(info.classes, 2);
    assert_string_equal(clade_dataset_class(f->train, 0), "no");
    assert_string_equal(clade_dataset_class(f->train, 1), "yes");
    float row[5];
    int32_t label;
    assert_int_equal(clade_dataset_read(f->test, (const int64_t[]){ 0 }, 1, row, &label), CLADE_OK);
    assert_int_equal(label, 0);
    /* Mean 25 and deviation sqrt(125) of 10 to 40; mean 25 and deviation 5 of the ages. */
    assert_true(fabsf(row[0] - (float)(25 / sqrt(125))) < 1e-6F);
    assert_true(row[1] == 0 && row[2] == 0 && row[3] == 1);
    assert_true(row[4] == 0);
    assert_int_equal(clade_dataset_read(f->train, (const int64_t[]){ 0 }, 1, row, &label), CLADE_OK);
    assert_int_equal(label, 1);
    assert_true(row[1] == 1 && row[2] == 0 && row[3] == 0 && row[4] == -1);
}

static void test_roles_come_from_the_options(void **state) {
    struct data_fixture *f = *state;
    assert_int_equal(open_table(f, applicants, ",target=town,skip=credit,words=age"), CLADE_OK);
    assert_int_equal(clade_dataset_describe(f->train).channels, 4);
    assert_int_equal(clade_dataset_describe(f->train).classes, 3);
    assert_string_equal(clade_dataset_class(f->train, 1), "Trier");
    assert_int_equal(open_table(f, applicants, ",number=income,number=age"), CLADE_OK);
    const clade_dataset_info info = clade_dataset_describe(f->train);
    assert_int_equal(info.classes, 0);
    assert_int_equal(info.targets, 2);
    assert_int_equal(info.channels, 5);
    float targets[2];
    assert_int_equal(clade_dataset_read_targets(f->test, (const int64_t[]){ 0 }, 1, 2, targets), CLADE_OK);
    assert_true(targets[0] == 50 && targets[1] == 25);
}

static void test_classes_that_are_numbers_go_by_size(void **state) {
    struct data_fixture *f = *state;
    assert_int_equal(open_table(f, "x,y\n1,10\n2,9\n3,-1\n4,10\n5,9\n", ""), CLADE_OK);
    assert_string_equal(clade_dataset_class(f->train, 0), "-1");
    assert_string_equal(clade_dataset_class(f->train, 1), "9");
    assert_string_equal(clade_dataset_class(f->train, 2), "10");
}

static void test_a_table_of_its_own_for_testing(void **state) {
    struct data_fixture *f = *state;
    char options[160];
    static const char other[] = "credit,age,town,income\nyes,21,Bonn,25\n",
                      unknown[] = "credit,age,town,income\nyes,21,Mainz,5\n";
    snprintf(options, sizeof options, ",test=%s", scratch_write(&f->scratch, "test.csv", other, sizeof other - 1));
    assert_int_equal(open_table(f, applicants, options), CLADE_OK);
    assert_int_equal(clade_dataset_describe(f->train).count, 5);
    assert_int_equal(clade_dataset_describe(f->test).count, 1);
    float row[5];
    int32_t label;
    assert_int_equal(clade_dataset_read(f->test, (const int64_t[]){ 0 }, 1, row, &label), CLADE_OK);
    assert_int_equal(label, 1);
    assert_true(row[1] == 1 && row[0] < 0);
    scratch_write(&f->scratch, "test.csv", unknown, sizeof unknown - 1);
    refused(f, applicants, options, "test.csv: line 2, column 'town': 'Mainz' does not occur in the training table");
    scratch_write(&f->scratch, "test.csv", "a,b\n1,2\n", 8);
    refused(f, applicants, options, "test.csv: has no column 'income', which the training table has");
}

static void test_malformed_tables_are_refused_with_their_line(void **state) {
    struct data_fixture *f = *state;
    refused(f, "", "", "it is empty");
    refused(f, "a,b\n", "", "only a line of names");
    refused(f, "a,b\n1,2\n1\n", "", "line 3: 1 fields, the columns are 2");
    refused(f, "a,b\n1,2,3\n", "", "line 2: 3 fields");
    refused(f, "a,b\n1,\"2\n", "", "a quote that is not closed");
    refused(f, "a,b\n1,\"2\"x\n", "", "line 2: text behind a closing quote");
    refused(f, "a,,b\n1,2,3\n", "", "line 1: column 2 has no name");
    refused(f, "a,b,a\n1,2,3\n", "", "columns 1 and 3 have the same name");
    refused(f, "a,b\n1,x\n,y\n", "", "line 3, column 'a': no value");
    refused(f, "a,b\n1,x\n2,\n", "", "line 3, column 'b': no value");
    refused(f, "a,b\n1,x\nabc,y\n", "", "line 3, column 'a': 'abc' is no number");
    refused(f, "a,b\n1,x\nnan,y\n", "", "'nan' is no number");
    refused(f, "a,b\n1,x\n1e999,y\n", "", "'1e999' is no number");
    refused(f, "a\nx\ny\n", "", "no column is left to learn from");
    refused(f, "a,b\n1,x\n", "", "none is left for the test part");
    refused(f, applicants, ",target=nobody", "has no column 'nobody'");
    refused(f, applicants, ",target=age,number=income", "exclude each other");
    refused(f, applicants, ",target=age,skip=age", "column 'age' is named twice");
    refused(f, applicants, ",target", "'target' is not understood");
    clade_csv table;
    assert_int_equal(clade_csv_decode(f->context, "zero", "a\0b\n", 4, &table), CLADE_ERROR_INPUT);
    assert_string_equal(clade_error(f->context), "zero: no CSV table: byte 1 is zero");
}

static void test_too_many_words_are_refused(void **state) {
    struct data_fixture *f = *state;
    static char text[20000];
    size_t length = (size_t)snprintf(text, sizeof text, "id,class\n");
    for (int i = 0; i < 300; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "p%d,%d\n", i, i % 2);
    refused(f, text, "", "column 'id' has 300 different words; at most 256");
    assert_int_equal(open_table(f, text, ",target=id"), CLADE_OK);
    assert_int_equal(clade_dataset_describe(f->train).classes, 300);
}

static void test_each_refused_allocation_is_clean(void **state) {
    struct data_fixture *f = *state;
    assert_int_equal(open_table(f, applicants, ""), CLADE_OK);
    for (long nth = 1;; nth++) {
        short_memory memory;
        clade_context *context = short_memory_context(&memory);
        memory.refuse_at = nth;
        clade_dataset *train = NULL, *test = NULL;
        const clade_status status = clade_dataset_open(context, f->spec, &train, &test);
        const bool refused_one = memory.refused;
        assert_int_equal(status, refused_one ? CLADE_ERROR_MEMORY : CLADE_OK);
        clade_dataset_free(train);
        clade_dataset_free(test);
        clade_context_free(context);
        assert_int_equal(memory.alive, 0);
        if (!refused_one) break;
    }
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_data_fixture, close_data_fixture)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_fields_with_quotes_blanks_and_any_line_end),
        TEST(test_numbers_are_normalised_and_words_one_hot),
        TEST(test_roles_come_from_the_options),
        TEST(test_classes_that_are_numbers_go_by_size),
        TEST(test_a_table_of_its_own_for_testing),
        TEST(test_malformed_tables_are_refused_with_their_line),
        TEST(test_too_many_words_are_refused),
        TEST(test_each_refused_allocation_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
