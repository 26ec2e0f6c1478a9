#include "train/helpers_trace.h"

#include "device/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    char letter;
} kinds[] = {
    { "EnqueueNDRangeKernel", 'K' }, { "EnqueueReadBuffer", 'R' },     { "EnqueueWriteBuffer", 'W' },
    { "EnqueueMapBuffer", 'M' },     { "EnqueueUnmapMemObject", 'U' }, { "EnqueueCopyBuffer", 'C' },
    { "EnqueueFillBuffer", 'F' },
};

static char letter_of(const char *name, size_t length) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strlen(kinds[i].name) == length && memcmp(kinds[i].name, name, length) == 0) return kinds[i].letter;
    return 0;
}

/* The first kernel comes behind the upload of samples. */
static bool begins_step(const followed *f) {
    return f->count > 1 && f->calls[f->count - 2] == 'W' && f->calls[f->count - 1] == 'K';
}

static void follow(followed *f, char letter) {
    const bool between = clade_thread_is_caller(&f->thread);
    if (f->whose == (between ? IN_STEPS : BETWEEN_STEPS)) return;
    if (f->count < MOST_CALLS) f->calls[f->count] = letter;
    if (++f->count == f->at && f->then) f->then(f);
    if (atomic_load(&f->next) && begins_step(f) && atomic_exchange(&f->next, false)) f->then(f);
    if (atomic_load(&f->slow) && letter == 'K' && !between) clade_sleep(0.002);
}

/* "0.5 clEnqueueNDRangeKernel(0x55..) -> CL_SUCCESS (0)" */
static void take_line(void *user, const char *line) {
    followers *all = user;
    const char *name = strstr(line, " cl"), *open = name ? strchr(name, '(') : NULL;
    void *on = NULL;
    if (!open || sscanf(open, "(%p", &on) != 1) return;
    const char letter = letter_of(name + 3, (size_t)(open - name) - 3);
    for (int i = 0; letter && i < 2; i++)
        if (all->list[i].device && all->list[i].device->queue == on) follow(&all->list[i], letter);
}

void begin_following(team_fixture *t, followers *all, whose whose) {
    for (int i = 0; i < 2; i++) {
        free(all->list[i].calls);
        all->list[i] = (followed){ .device = t->devices[i], .whose = whose, .thread = clade_thread_caller() };
        all->list[i].calls = calloc(1, MOST_CALLS);
        assert_non_null(all->list[i].calls);
    }
    t->f->traced = take_line;
    t->f->traced_user = all;
    clade_context_opencl(t->f->context)->trace = true;
    t->f->log[0] = 0;
}

void end_following(team_fixture *t, followers *all) {
    clade_context_opencl(t->f->context)->trace = false;
    t->f->traced = NULL;
    for (int i = 0; i < 2; i++) {
        free(all->list[i].calls);
        all->list[i].calls = NULL;
    }
}

void lose(followed *f) {
    clade_device_lose(f->device, 0);
}

void hang(followed *f) {
    clade_device_hang(f->device, 0);
}

void fail_once(followed *f) {
    clade_opencl_fail_at(f->device->opencl, 1, CL_OUT_OF_RESOURCES);
}

size_t times_said(const team_fixture *t, const char *words) {
    size_t times = 0;
    for (const char *at = t->f->log; (at = strstr(at, words)) != NULL; at++)
        times++;
    return times;
}

clade_train_options even_run(team_fixture *t, int64_t batch, int64_t epochs) {
    static const double shares[] = { 3, 1 };
    clade_train_options options = team_options(t, 2, shares, NULL);
    options.batch = batch;
    options.epochs = epochs;
    options.report_every = 1;
    return options;
}
