/* Ranks over a wire inside one process: sums and exchanges, and what is noticed when a rank fails, leaves or hangs. */
#include "ranks/helpers.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An awkward number for element I of a rank: sums of them depend on the order. */
static float element(int rank, size_t i) {
    return ldexpf((float)((i * 2654435761u + (size_t)rank * 40503u) % 1000003u) - 5e5f, (int)(i % 13) * (rank % 3));
}

typedef struct sums {
    size_t count;
    float *first; /* rank 0's result */
} sums;

static void sum_and_compare(rank_run *run) {
    const sums *s = run->given;
    float *data = run->rank == 0 ? s->first : malloc((s->count + 1) * sizeof *data);
    bool good = data != NULL;
    for (size_t i = 0; i < s->count && good; i++)
        data[i] = element(run->rank, i);
    if (good) good = clade_ranks_sum_floats(run->ranks, data, s->count) == CLADE_OK;
    for (size_t i = 0; i < s->count && good; i++) {
        double sum = 0;
        for (int rank = 0; rank < run->size; rank++)
            sum += (double)element(rank, i);
        good = data[i] == (float)sum;
    }
    run->result[0] = good;
    if (run->rank > 0) free(data);
    clade_ranks_leave(run->ranks, true);
}

static void test_sums_are_those_of_double_in_the_ranks_order(void **state) {
    (void)state;
    static const size_t counts[] = { 0, 1, 2, 3, 7, 1000, 100003, (CLADE_PARCEL / 4) + 5 };
    for (int size = 2; size <= MOST_RANKS; size += size < 5 ? 1 : 3) {
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            if (size > 2 && counts[i] > 100003) continue;
            sums s = { counts[i], malloc((counts[i] + 1) * sizeof(float)) };
            rank_run runs[MOST_RANKS];
            assert_non_null(s.first);
            run_ranks(size, sum_and_compare, &s, runs);
            for (int rank = 0; rank < size; rank++)
                if (runs[rank].result[0] != 1)
                    fail_msg("%zu floats over %d ranks: rank %d: %s", counts[i], size, rank, runs[rank].words);
            free(s.first);
        }
    }
}

static void exchange_all(rank_run *run) {
    double numbers[3] = { run->rank, 1, 0.1 * run->rank };
    char letters[MOST_RANKS], mine = (char)('a' + run->rank);
    size_t bytes = CLADE_PARCEL + 100;
    unsigned char *big = calloc(bytes, 1);
    bool good = big != NULL;
    if (good && run->rank == 0) big[0] = big[CLADE_PARCEL] = big[bytes - 1] = 77;
    good = good && clade_ranks_sum(run->ranks, numbers, 3) == CLADE_OK;
    good = good && numbers[0] == run->size * (run->size - 1) / 2 && numbers[1] == run->size;
    good = good && clade_ranks_gather(run->ranks, &mine, letters, 1) == CLADE_OK;
    for (int i = 0; i < run->size && good; i++)
        good = letters[i] == 'a' + i;
    good = good && clade_ranks_broadcast(run->ranks, big, bytes) == CLADE_OK;
    good = good && big[0] == 77 && big[1] == 0 && big[CLADE_PARCEL] == 77 && big[bytes - 1] == 77;
    good = good && clade_ranks_agree(run->ranks, CLADE_OK) == CLADE_OK;
    good = good && strcmp(clade_ranks_host(run->ranks, 1), "machine1") == 0;
    run->result[0] = good && clade_ranks_speaks(run->ranks) == (run->rank == 0);
    free(big);
    clade_ranks_leave(run->ranks, true);
}

static void test_numbers_and_bytes_go_around(void **state) {
    (void)state;
    rank_run runs[MOST_RANKS];
    run_ranks(3, exchange_all, NULL, runs);
    for (int rank = 0; rank < 3; rank++)
        if (runs[rank].result[0] != 1) fail_msg("rank %d: %s", rank, runs[rank].words);
}

static void disagree(rank_run *run) {
    clade_status status = CLADE_OK;
    if (run->rank >= 1) status = clade_fail(run->context, CLADE_ERROR_INPUT, "no data here");
    run->result[0] = clade_ranks_agree(run->ranks, status);
    run->result[1] = clade_ranks_agree(run->ranks, CLADE_OK); /* still together */
    snprintf(run->words, sizeof run->words, "%s", clade_error(run->context));
    clade_ranks_leave(run->ranks, true);
}

static void test_a_fault_of_one_is_told_by_all_with_its_name(void **state) {
    (void)state;
    rank_run runs[MOST_RANKS];
    run_ranks(3, disagree, NULL, runs);
    for (int rank = 0; rank < 3; rank++) {
        assert_int_equal((int)runs[rank].result[0], CLADE_ERROR_INPUT);
        assert_int_equal((int)runs[rank].result[1], CLADE_OK);
        assert_string_equal(runs[rank].words, "rank 1 on machine1: no data here");
    }
}

static void agree_on_a_fault(rank_run *run) {
    run->result[0] = clade_ranks_agree(run->ranks, clade_fail(run->context, CLADE_ERROR_ARGUMENT, "rate -1"));
    clade_ranks_leave(run->ranks, true);
}

static void test_what_all_say_is_said_plainly(void **state) {
    (void)state;
    rank_run runs[MOST_RANKS];
    run_ranks(2, agree_on_a_fault, NULL, runs);
    assert_int_equal((int)runs[0].result[0], CLADE_ERROR_ARGUMENT);
    assert_string_equal(runs[0].words, "rate -1");
    assert_string_equal(runs[1].words, "rate -1");
}

/* Rank 1 leaves in the middle with words; the others are in a sum. */
static void leave_early(rank_run *run) {
    float data[10] = { 0 };
    if (run->rank == 1) clade_fail(run->context, CLADE_ERROR_SYSTEM, "the disk is full");
    if (run->rank != 1) run->result[0] = clade_ranks_sum_floats(run->ranks, data, 10);
    if (run->rank != 1) run->result[1] = clade_ranks_broken(run->ranks);
    if (run->rank != 1) run->result[2] = clade_ranks_agree(run->ranks, CLADE_ERROR_DEVICE); /* does not wait */
    if (run->rank != 1) snprintf((char *)run->given + 200 * run->rank, 200, "%s", clade_ranks_reason(run->ranks));
    clade_ranks_leave(run->ranks, false);
}

static void test_who_leaves_in_the_middle_ends_the_waits_of_the_others(void **state) {
    (void)state;
    rank_run runs[MOST_RANKS];
    char words[3][200] = { "" };
    run_ranks(3, leave_early, words, runs);
    for (int rank = 0; rank < 3; rank += 2) {
        assert_int_equal((int)runs[rank].result[0], CLADE_ERROR_SYSTEM);
        assert_int_equal((int)runs[rank].result[1], 1);
        assert_int_equal((int)runs[rank].result[2], CLADE_ERROR_DEVICE);
    }
    /* The one may be told by the other. */
    assert_true(strstr(words[0], "the disk is full") || strstr(words[2], "the disk is full"));
}

/* Rank 1 goes without a word. */
static void die(rank_run *run) {
    float data[10] = { 0 };
    clade_ranks_limit(run->ranks, 0.05);
    if (run->rank == 1) {
        abandon(run);
        return;
    }
    run->result[0] = clade_ranks_sum_floats(run->ranks, data, 10);
    snprintf(run->given, 200, "%s", clade_ranks_reason(run->ranks));
    clade_ranks_leave(run->ranks, false);
}

static void test_a_rank_that_does_not_come_is_given_up_after_the_limit(void **state) {
    (void)state;
    rank_run runs[MOST_RANKS];
    char words[200] = "";
    run_ranks(2, die, words, runs);
    assert_int_equal((int)runs[0].result[0], CLADE_ERROR_SYSTEM);
    assert_string_equal(words, "rank 1 on machine1 has not come for 0.05 s");
}

static void be_interrupted(rank_run *run) {
    float data[10] = { 0 };
    if (run->rank == 1) {
        abandon(run);
        return;
    }
    run->result[0] = clade_ranks_sum_floats(run->ranks, data, 10);
    clade_ranks_leave(run->ranks, false);
}

static void test_an_interrupt_ends_a_wait_for_one_who_does_not_come(void **state) {
    (void)state;
    rank_run runs[MOST_RANKS];
    clade_interrupts_catch();
    raise(SIGTERM);
    run_ranks(2, be_interrupted, NULL, runs);
    assert_int_equal((int)runs[0].result[0], CLADE_ERROR_INTERRUPTED);
    clade_interrupts_catch(); /* forgets it */
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
}

static void *break_it(void *argument) {
    rank_run *run = argument;
    clade_fail(run->context, CLADE_ERROR_DEVICE, "the device is lost");
    clade_ranks_break(run->ranks, CLADE_ERROR_DEVICE);
    return NULL;
}

/* Rank 0 waits for a sum that rank 1 does not come to, while another of its threads breaks; rank 1 waits for rank 0. */
static void broken_by_a_thread(rank_run *run) {
    float data[10] = { 0 };
    double numbers[1] = { 0 };
    clade_thread thread;
    if (run->rank == 0) {
        if (clade_thread_start(run->context, &thread, break_it, run) != CLADE_OK) return;
        run->result[0] = clade_ranks_sum_floats(run->ranks, data, 10);
        clade_thread_join(&thread);
    } else {
        clade_ranks_limit(run->ranks, 0.05);
        run->result[0] = clade_ranks_sum(run->ranks, numbers, 1);
    }
    clade_ranks_leave(run->ranks, false);
}

static void test_a_break_by_another_thread_ends_a_wait(void **state) {
    (void)state;
    rank_run runs[MOST_RANKS];
    run_ranks(2, broken_by_a_thread, NULL, runs);
    assert_int_equal((int)runs[0].result[0], CLADE_ERROR_DEVICE);
    assert_int_equal((int)runs[1].result[0], CLADE_ERROR_SYSTEM);
}

static void test_alone_there_are_no_ranks(void **state) {
    (void)state;
    if (clade_wire_launched() > 1) skip();
    clade_context *context = clade_context_new(NULL);
    clade_ranks *ranks;
    assert_good(context, clade_ranks_join(context, &ranks));
    assert_null(ranks);
    assert_int_equal(clade_ranks_rank(ranks), 0);
    assert_int_equal(clade_ranks_size(ranks), 1);
    assert_true(clade_ranks_speaks(ranks));
    assert_int_equal(clade_ranks_agree(ranks, CLADE_ERROR_INPUT), CLADE_ERROR_INPUT);
    clade_ranks_leave(ranks, true);
    clade_context_free(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_are_those_of_double_in_the_ranks_order),
        cmocka_unit_test(test_numbers_and_bytes_go_around),
        cmocka_unit_test(test_a_fault_of_one_is_told_by_all_with_its_name),
        cmocka_unit_test(test_what_all_say_is_said_plainly),
        cmocka_unit_test(test_who_leaves_in_the_middle_ends_the_waits_of_the_others),
        cmocka_unit_test(test_a_rank_that_does_not_come_is_given_up_after_the_limit),
        cmocka_unit_test(test_an_interrupt_ends_a_wait_for_one_who_does_not_come),
        cmocka_unit_test(test_a_break_by_another_thread_ends_a_wait),
        cmocka_unit_test(test_alone_there_are_no_ranks),
    };
    return cmocka_run_group_tests_name("ranks", tests, NULL, NULL);
}
