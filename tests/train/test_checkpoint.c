/* Checkpoints under damage, on a full disk, from other runs: each time one clear line, and the newest valid one counts. */
#include "train/helpers.h"

#include "train/checkpoint.h"

#include "base/context.h"
#include "base/hash.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const clade_model *model(void) {
    return clade_model_find("softmax");
}

/* A finished run in a folder; its checkpoints are of the steps 20, 25 and 30. The caller frees the folder's name. */
static char *finished_run(fixture *f) {
    char *folder = path_in(f, "run");
    clade_train_options options = small_run(f, folder);
    assert_good(f->context, clade_train_model(model(), &options, NULL));
    return folder;
}

static void write_file(const char *path, const void *data, size_t bytes) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static void expect_damaged(fixture *f, const uint8_t *bytes, size_t size) {
    clade_checkpoint checkpoint;
    clade_status status = clade_checkpoint_parse(f->context, "x.clade", bytes, size, &checkpoint);
    assert_int_equal(status, CLADE_ERROR_INPUT);
    assert_int_equal(strncmp(clade_error(f->context), "x.clade: ", 9), 0);
    assert_null(strchr(clade_error(f->context), '\n'));
}

static void test_a_cut_checkpoint_is_one_clear_line(void **state) {
    fixture *f = *state;
    char *folder = finished_run(f), *path = path_in(f, "run/checkpoint-30.clade");
    size_t size;
    uint8_t *bytes = (uint8_t *)read_whole(path, &size);
    clade_checkpoint checkpoint;
    assert_good(f->context, clade_checkpoint_parse(f->context, path, bytes, size, &checkpoint));
    clade_checkpoint_free(&checkpoint);
    for (size_t cut = 0; cut < size; cut += 100) {
        uint8_t *part = malloc(cut + 1); /* of the exact size, so that a sanitizer sees a read beyond */
        assert_non_null(part);
        memcpy(part, bytes, cut);
        expect_damaged(f, part, cut);
        free(part);
    }
    free(bytes);
    free(path);
    free(folder);
}

static void test_a_flipped_byte_is_noticed(void **state) {
    fixture *f = *state;
    char *folder = finished_run(f), *path = path_in(f, "run/checkpoint-30.clade");
    size_t size;
    uint8_t *bytes = (uint8_t *)read_whole(path, &size);
    for (size_t at = 0; at < size; at += 97) {
        bytes[at] ^= 0x40;
        expect_damaged(f, bytes, size);
        bytes[at] ^= 0x40;
    }
    free(bytes);
    free(path);
    free(folder);
}

/* Sizes that lie, under a checksum that is right. */
static void test_hostile_numbers_are_refused(void **state) {
    fixture *f = *state;
    char *folder = finished_run(f), *path = path_in(f, "run/checkpoint-30.clade");
    size_t size, refused = 0;
    uint8_t *bytes = (uint8_t *)read_whole(path, &size);
    static const uint64_t lies[] = { 0, 1, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 62, (uint64_t)1 << 32, 1000000 };
    for (size_t at = 8; at + 40 <= size && at < 4096; at += 8)
        for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
            uint8_t kept[8];
            memcpy(kept, bytes + at, 8);
            for (int b = 0; b < 8; b++)
                bytes[at + (size_t)b] = (uint8_t)(lies[i] >> (8 * b));
            clade_sha256 hash;
            clade_sha256_start(&hash);
            clade_sha256_add(&hash, bytes, size - 32);
            clade_sha256_finish(&hash, bytes + size - 32);
            clade_checkpoint checkpoint;
            clade_status status = clade_checkpoint_parse(f->context, "x.clade", bytes, size, &checkpoint);
            refused += status == CLADE_ERROR_INPUT;
            clade_checkpoint_free(&checkpoint);
            memcpy(bytes + at, kept, 8);
        }
    assert_true(refused > 50);
    free(bytes);
    free(path);
    free(folder);
}

static uint64_t number_at(const uint8_t *bytes, size_t at) {
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number |= (uint64_t)bytes[at + (size_t)i] << (8 * i);
    return number;
}

static void set_number(uint8_t *bytes, size_t at, uint64_t number) {
    for (int i = 0; i < 8; i++)
        bytes[at + (size_t)i] = (uint8_t)(number >> (8 * i));
}

/* BYTES of the present format as format 1 had them: the run state without what came later. The new size. */
static size_t as_format_1(uint8_t *bytes, size_t size) {
    enum { OLD_NUMBERS = 16, SUM = 32 };
    size_t at = 3 * 8;
    for (int text = 0; text < 2; text++)
        at += 8 + (size_t)(number_at(bytes, at) + 7) / 8 * 8;
    const size_t numbers = (size_t)number_at(bytes, at), dropped = 8 * (numbers - OLD_NUMBERS);
    assert_true(numbers > OLD_NUMBERS);
    const size_t rest = at + 8 + 8 * numbers;
    memmove(bytes + rest - dropped, bytes + rest, size - rest);
    set_number(bytes, at, OLD_NUMBERS);
    set_number(bytes, 8, 1);
    set_number(bytes, 16, size - dropped);
    clade_sha256 hash;
    clade_sha256_start(&hash);
    clade_sha256_add(&hash, bytes, size - dropped - SUM);
    clade_sha256_finish(&hash, bytes + size - dropped - SUM);
    return size - dropped;
}

/* A run that format 1 knew goes on from its checkpoint; a format to come is refused in one line. */
static void test_a_checkpoint_of_the_format_before_is_read(void **state) {
    fixture *f = *state;
    char *folder = finished_run(f), *path = path_in(f, "run/checkpoint-25.clade"),
         *last = path_in(f, "run/checkpoint-30.clade");
    clade_train_options options = small_run(f, folder);
    clade_train_result whole, resumed;
    assert_good(f->context, clade_train_model(model(), &options, &whole));
    size_t size;
    uint8_t *bytes = (uint8_t *)read_whole(path, &size);
    const size_t old_size = as_format_1(bytes, size);
    write_file(path, bytes, old_size);
    assert_int_equal(remove(last), 0);
    options.resume = true;
    assert_good(f->context, clade_train_model(model(), &options, &resumed));
    assert_int_equal(resumed.resumed_from, 25);
    assert_string_equal(resumed.weights_sha256, whole.weights_sha256);
    set_number(bytes, 8, 4);
    expect_damaged(f, bytes, old_size);
    assert_non_null(strstr(clade_error(f->context), "format 4; this Clade reads formats 1 to 3"));
    free(bytes);
    free(last);
    free(path);
    free(folder);
}

static void test_a_damaged_checkpoint_is_passed_over(void **state) {
    fixture *f = *state;
    char *folder = finished_run(f);
    char *newest = path_in(f, "run/checkpoint-30.clade"), *before = path_in(f, "run/checkpoint-25.clade");
    clade_train_options options = small_run(f, folder);
    options.resume = true;
    clade_train_result whole, resumed;
    assert_good(f->context, clade_train_model(model(), &options, &whole));
    assert_int_equal(whole.resumed_from, 30);
    size_t size;
    char *bytes = read_whole(newest, &size);
    write_file(newest, bytes, size / 2);
    write_file(before, "", 0);
    assert_good(f->context, clade_train_model(model(), &options, &resumed));
    assert_int_equal(resumed.resumed_from, 20);
    assert_string_equal(resumed.weights_sha256, whole.weights_sha256);
    assert_non_null(strstr(f->log, "checkpoint-30.clade: damaged"));
    assert_non_null(strstr(f->log, "checkpoint-25.clade: not a checkpoint"));
    size_t rewritten;
    char *again = read_whole(newest, &rewritten);
    assert_int_equal(rewritten, size);
    free(again);
    free(bytes);
    free(newest);
    free(before);
    free(folder);
}

static void expect_other(fixture *f, const clade_model *other, const clade_train_options *options, const char *words) {
    assert_int_equal(clade_train_model(other, options, NULL), CLADE_ERROR_ARGUMENT);
    if (!strstr(clade_error(f->context), words)) fail_msg("%s; expected \"%s\"", clade_error(f->context), words);
    assert_null(strchr(clade_error(f->context), '\n'));
}

static void test_a_checkpoint_of_another_run_is_one_clear_line(void **state) {
    fixture *f = *state;
    char *folder = finished_run(f);
    clade_train_options options = small_run(f, folder);
    options.resume = true;
    expect_other(f, clade_model_find("mlp"), &options, "model = softmax; this run has model = mlp");
    options.rate = 0.5;
    expect_other(f, model(), &options, "this run has rate = 0.5");
    options = small_run(f, folder);
    options.resume = true;
    options.seed = 99;
    expect_other(f, model(), &options, "seed = 7; this run has seed = 99");
    free(folder);
}

static bool stop_at_once(void *user) {
    (void)user;
    return true;
}

static void test_an_unfinished_run_is_not_overwritten(void **state) {
    fixture *f = *state;
    char *folder = path_in(f, "run");
    clade_train_options options = small_run(f, folder);
    options.should_stop = stop_at_once;
    assert_int_equal(clade_train_model(model(), &options, NULL), CLADE_ERROR_INTERRUPTED);
    assert_non_null(strstr(clade_error(f->context), "--resume"));
    assert_int_equal(clade_train_model(model(), &options, NULL), CLADE_ERROR_ARGUMENT);
    assert_non_null(strstr(clade_error(f->context), "unfinished run (step 1 of 30)"));
    free(folder);
}

/* ---- a disk that is full while a checkpoint is written ---- */

typedef struct full_disk {
    int64_t asked;
    struct rlimit usual;
} full_disk;

/* Lets no file grow beyond 4 KiB from the ninth step on, before the checkpoint of the tenth. */
static bool fill_disk(void *user) {
    full_disk *disk = user;
    if (++disk->asked == 9) {
        struct rlimit limit = { .rlim_cur = 4096, .rlim_max = disk->usual.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    }
    return false;
}

static void test_a_full_disk_is_one_clear_line_and_loses_nothing(void **state) {
    fixture *f = *state;
    char *folder = path_in(f, "run"), *first = path_in(f, "run/checkpoint-5.clade");
    full_disk disk = { 0 };
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &disk.usual), 0);
    void (*usual_signal)(int) = signal(SIGXFSZ, SIG_IGN);
    clade_train_options options = small_run(f, folder);
    options.should_stop = fill_disk;
    options.user = &disk;
    clade_status status = clade_train_model(model(), &options, NULL);
    setrlimit(RLIMIT_FSIZE, &disk.usual);
    signal(SIGXFSZ, usual_signal);
    assert_int_equal(status, CLADE_ERROR_SYSTEM);
    assert_non_null(strstr(clade_error(f->context), "checkpoint-10.clade"));
    assert_null(strchr(clade_error(f->context), '\n'));
    assert_int_equal(count_checkpoints(folder), 1); /* nor a part of the second */

    clade_checkpoint checkpoint;
    assert_good(f->context, clade_checkpoint_read(f->context, first, &checkpoint));
    clade_checkpoint_free(&checkpoint);
    options = small_run(f, folder);
    options.resume = true;
    clade_train_result result;
    assert_good(f->context, clade_train_model(model(), &options, &result));
    assert_int_equal(result.resumed_from, 5);
    free(first);
    free(folder);
}

/* ---- using one ---- */

static void test_a_predictor_scores_as_the_trainer_did(void **state) {
    fixture *f = *state;
    char *folder = path_in(f, "run"), *file = path_in(f, "run/checkpoint-30.clade");
    clade_train_options options = small_run(f, folder);
    clade_train_result result;
    assert_good(f->context, clade_train_model(model(), &options, &result));
    const char *paths[] = { folder, file };
    for (int i = 0; i < 2; i++) {
        clade_predictor *predictor;
        clade_evaluation evaluation;
        assert_good(f->context, clade_predictor_open(f->device, paths[i], &predictor));
        assert_ptr_equal(clade_predictor_model(predictor), model());
        assert_int_equal(clade_predictor_step(predictor), 30);
        assert_string_equal(clade_predictor_path(predictor), file);
        assert_good(f->context, clade_predictor_evaluate(predictor, f->test, 0, &evaluation));
        assert_int_equal(evaluation.count, 200);
        assert_true(evaluation.accuracy == result.val_accuracy);
        assert_true(evaluation.loss == result.val_loss);
        clade_predictor_free(predictor);
    }
    free(file);
    free(folder);
}

static void test_scores_are_probabilities_in_order(void **state) {
    fixture *f = *state;
    char *folder = finished_run(f);
    clade_predictor *predictor;
    assert_good(f->context, clade_predictor_open(f->device, folder, &predictor));
    enum { IMAGES = 3 };
    float images[IMAGES * 784], scores[IMAGES * 10];
    assert_good(f->context, clade_dataset_read(f->test, (int64_t[]){ 0, 1, 2 }, IMAGES, images, NULL));
    assert_good(f->context, clade_predictor_scores(predictor, images, IMAGES, scores));
    for (int i = 0; i < IMAGES; i++) {
        int64_t top[10];
        float sum = 0;
        assert_int_equal(clade_top_classes(scores + 10 * i, 10, 20, top), 10);
        for (int j = 0; j < 10; j++)
            sum += scores[10 * i + j];
        for (int j = 1; j < 10; j++)
            assert_true(scores[10 * i + top[j - 1]] >= scores[10 * i + top[j]]);
        assert_float_equal(sum, 1, 1e-5);
    }
    clade_predictor_free(predictor);
    free(folder);
}

static void test_what_is_no_model_is_one_clear_line(void **state) {
    fixture *f = *state;
    char *text = path_in(f, "notes.txt"), *absent = path_in(f, "absent");
    write_file(text, "hello", 5);
    const char *paths[] = { text, absent, f->scratch.folder };
    const char *words[] = { "not a checkpoint", "absent", "no valid checkpoint" };
    for (int i = 0; i < 3; i++) {
        clade_predictor *predictor;
        assert_int_equal(clade_predictor_open(f->device, paths[i], &predictor), CLADE_ERROR_INPUT);
        if (!strstr(clade_error(f->context), words[i])) fail_msg("%s", clade_error(f->context));
        assert_null(predictor);
    }
    free(text);
    free(absent);
}

int main(void) {
#define WITH_FIXTURE(TEST) cmocka_unit_test_setup_teardown(TEST, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_a_cut_checkpoint_is_one_clear_line),
        WITH_FIXTURE(test_a_flipped_byte_is_noticed),
        WITH_FIXTURE(test_hostile_numbers_are_refused),
        WITH_FIXTURE(test_a_checkpoint_of_the_format_before_is_read),
        WITH_FIXTURE(test_a_damaged_checkpoint_is_passed_over),
        WITH_FIXTURE(test_a_checkpoint_of_another_run_is_one_clear_line),
        WITH_FIXTURE(test_an_unfinished_run_is_not_overwritten),
        WITH_FIXTURE(test_a_full_disk_is_one_clear_line_and_loses_nothing),
        WITH_FIXTURE(test_a_predictor_scores_as_the_trainer_did),
        WITH_FIXTURE(test_scores_are_probabilities_in_order),
        WITH_FIXTURE(test_what_is_no_model_is_one_clear_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
