/* A trial. All arrays of a node lie as slices in one buffer, each followed by guard bytes:
 *
 *     guard | input 0 | guard | input 1 | guard | output 0 | guard | workspace 0 | guard | prepared | guard
 *
 * Guards, outputs and workspaces are filled with garbage before each of two runs: first 0xFF (every float a NaN, so that
 * what is read out of bounds or undefined spreads), then 0x41 (12.08, which wins against NaN in a maximum and shows a
 * write of NaNs). The same commands are enqueued both times, as a plan does; the bits must not differ.
 *
 * With separate buffers nothing is filled and nothing guarded: a checker under the program watches instead. */
#include "tune/trial.h"

#include "ops/tail.h"

#include <math.h>
#include <string.h>

enum { GUARD_BYTES = 1024, MAX_PIECES = CLADE_MAX_INPUTS + CLADE_MAX_OUTPUTS + CLADE_MAX_WORKSPACES + 1, RUNS = 2 };

/* Differences below this are rounding even where the reference is zero everywhere. */
static const double ABSOLUTE_FLOOR = 1e-6;

static const uint8_t garbage[RUNS] = { 0xFF, 0x41 };

typedef enum piece_kind { PIECE_INPUT, PIECE_OUTPUT, PIECE_WORKSPACE, PIECE_PREPARED } piece_kind;

typedef struct piece {
    piece_kind kind;
    int number;
    size_t offset, bytes;
    clade_buffer buffer;
} piece;

typedef struct trial {
    const clade_trial_request *request;
    clade_context *context;
    clade_site site;
    int runs;
    piece pieces[MAX_PIECES];
    int count;
    clade_buffer whole;
    size_t bytes;
    uint8_t *image, *results[RUNS]; /* what is written; what came back, laid out as the buffer */
    clade_commands *commands;
    clade_text *why;
} trial;

static clade_status fill_array(const clade_graph *graph, const clade_type *type, clade_binding binding,
                               clade_array *array) {
    array->dtype = type->dtype;
    array->rank = type->dims.rank;
    array->count = clade_dims_value(graph, &type->dims, binding, array->size);
    if (array->count >= 0) return CLADE_OK;
    return clade_fail(graph->context, CLADE_ERROR_ARGUMENT, "a test's array is too large");
}

clade_status clade_trial_site(clade_device *device, const clade_node *node, clade_binding binding, clade_site *site) {
    *site = (clade_site){ .node = node, .device = device, .binding = binding, .label = node->op->name };
    clade_status status = CLADE_OK;
    for (uint32_t i = 0; i < node->input_count && status == CLADE_OK; i++) {
        if (clade_value_valid(node->inputs[i]))
            status = fill_array(node->graph, clade_value_type(node->inputs[i]), binding, &site->in[i]);
    }
    for (uint32_t o = 0; o < node->output_count && status == CLADE_OK; o++) {
        status = fill_array(node->graph, &node->outputs[o], binding, &site->out[o]);
    }
    return status;
}

/* ---- laying out ---- */

static size_t round_up(size_t value, size_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

static void add_piece(trial *t, piece_kind kind, int number, size_t bytes) {
    size_t alignment = t->request->device->capabilities.slice_alignment;
    if (bytes == 0) bytes = sizeof(float);
    t->pieces[t->count++] = (piece){ .kind = kind, .number = number, .offset = t->bytes, .bytes = bytes };
    t->bytes = round_up(t->bytes + bytes + GUARD_BYTES, alignment);
}

static size_t array_bytes(const clade_array *array) {
    return (size_t)array->count * clade_dtype_size(array->dtype);
}

static void lay_out(trial *t) {
    const clade_node *node = t->request->node;
    t->bytes = round_up(GUARD_BYTES, t->request->device->capabilities.slice_alignment);
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (clade_value_valid(node->inputs[i])) add_piece(t, PIECE_INPUT, (int)i, array_bytes(&t->site.in[i]));
    }
    for (uint32_t o = 0; o < node->output_count; o++) {
        if (o == 0 && t->request->in_place >= 0) continue;
        add_piece(t, PIECE_OUTPUT, (int)o, array_bytes(&t->site.out[o]));
    }
    size_t workspace[CLADE_MAX_WORKSPACES] = { 0 };
    if (t->request->implementation->workspace != NULL) t->request->implementation->workspace(&t->site, workspace);
    for (int w = 0; w < CLADE_MAX_WORKSPACES; w++) {
        if (workspace[w] > 0) add_piece(t, PIECE_WORKSPACE, w, workspace[w]);
    }
    const size_t prepared = clade_site_prepared(&t->site, t->request->implementation);
    if (prepared > 0) add_piece(t, PIECE_PREPARED, 0, prepared);
}

static clade_status make_buffers(trial *t) {
    clade_device *device = t->request->device;
    clade_status status = CLADE_OK;
    bool separate = t->request->kept != NULL;
    if (!separate) status = clade_buffer_new(device, t->bytes, "a self-test", &t->whole);
    for (int i = 0; i < t->count && status == CLADE_OK; i++) {
        piece *p = &t->pieces[i];
        status = separate ? clade_buffer_new(device, p->bytes, "a self-test", &p->buffer)
                          : clade_buffer_slice(&t->whole, p->offset, p->bytes, "a self-test", &p->buffer);
        const clade_buffer *buffer = &p->buffer;
        if (p->kind == PIECE_INPUT) t->site.in[p->number].buffer = buffer;
        if (p->kind == PIECE_OUTPUT) t->site.out[p->number].buffer = buffer;
        if (p->kind == PIECE_WORKSPACE) t->site.workspace[p->number] = buffer;
        if (p->kind == PIECE_PREPARED) t->site.prepared = buffer;
    }
    if (t->request->in_place >= 0) t->site.out[0].buffer = t->site.in[t->request->in_place].buffer;
    for (int run = 0; run < t->runs && status == CLADE_OK; run++) {
        t->results[run] = clade_allocate(t->context, t->bytes, 1);
        if (t->results[run] == NULL) status = clade_fail_memory(t->context, t->bytes, "a self-test");
    }
    t->image = clade_allocate(t->context, t->bytes, 1);
    if (status == CLADE_OK && t->image == NULL) status = clade_fail_memory(t->context, t->bytes, "a self-test");
    return status;
}

void clade_trial_free_kept(clade_trial_kept *kept) {
    for (size_t i = 0; i < kept->count; i++) {
        clade_buffer_free(&kept->buffers[i]);
    }
    clade_free(kept->context, kept->buffers);
    *kept = (clade_trial_kept){ .context = kept->context };
}

/* Takes BUFFER over; without memory to note it, frees it. */
static void keep(clade_trial_kept *kept, clade_buffer *buffer) {
    if (kept->count == kept->capacity) {
        size_t capacity = kept->capacity > 0 ? 2 * kept->capacity : 64;
        clade_buffer *buffers = clade_reallocate(kept->context, kept->buffers, capacity, sizeof *buffers);
        if (buffers != NULL) {
            kept->buffers = buffers;
            kept->capacity = capacity;
        }
    }
    if (kept->count < kept->capacity) {
        kept->buffers[kept->count++] = *buffer;
    } else {
        clade_buffer_free(buffer);
    }
}

static void trial_free(trial *t) {
    clade_commands_free(t->commands);
    for (int i = 0; i < t->count; i++) {
        clade_buffer *buffer = &t->pieces[i].buffer;
        if (t->request->kept != NULL && buffer->memory != NULL) {
            keep(t->request->kept, buffer);
        } else {
            clade_buffer_free(buffer);
        }
    }
    clade_buffer_free(&t->whole);
    for (int run = 0; run < RUNS; run++) {
        clade_free(t->context, t->results[run]);
    }
    clade_free(t->context, t->image);
}

/* ---- running ---- */

/* The host's picture of the memory before a run: garbage, and the inputs in it. */
static void draw_image(trial *t, uint8_t byte) {
    memset(t->image, byte, t->bytes);
    for (int i = 0; i < t->count; i++) {
        const piece *p = &t->pieces[i];
        if (p->kind != PIECE_INPUT) continue;
        const clade_tensor *tensor = &t->request->in[p->number];
        for (int64_t e = 0; e < tensor->count; e++) {
            float real = (float)tensor->data[e];
            int32_t integer = tensor->dtype == CLADE_I32 ? (int32_t)tensor->data[e] : 0;
            const void *element = tensor->dtype == CLADE_I32 ? (const void *)&integer : &real;
            memcpy(t->image + p->offset + (size_t)e * 4, element, 4);
        }
    }
}

static clade_status write_image(trial *t) {
    if (t->request->kept == NULL) return clade_buffer_write(&t->whole, 0, t->image, t->bytes);
    clade_status status = CLADE_OK;
    for (int i = 0; i < t->count && status == CLADE_OK; i++) {
        const piece *p = &t->pieces[i];
        if (p->kind == PIECE_INPUT) status = clade_buffer_write(&p->buffer, 0, t->image + p->offset, p->bytes);
    }
    return status;
}

static clade_status read_result(trial *t, uint8_t *result) {
    if (t->request->kept == NULL) return clade_buffer_read(&t->whole, 0, result, t->bytes);
    memcpy(result, t->image, t->bytes);
    clade_status status = CLADE_OK;
    for (int i = 0; i < t->count && status == CLADE_OK; i++) {
        const piece *p = &t->pieces[i];
        if (p->kind == PIECE_INPUT || p->kind == PIECE_OUTPUT)
            status = clade_buffer_read(&p->buffer, 0, result + p->offset, p->bytes);
    }
    return status;
}

static clade_status run_once(trial *t, int run) {
    draw_image(t, garbage[run]);
    clade_status status = write_image(t);
    if (status == CLADE_OK) status = clade_commands_enqueue(t->commands);
    if (status == CLADE_OK) status = clade_device_finish(t->request->device);
    if (status == CLADE_OK) status = read_result(t, t->results[run]);
    return status;
}

/* ---- judging ---- */

static const piece *piece_of(const trial *t, piece_kind kind, int number) {
    for (int i = 0; i < t->count; i++) {
        if (t->pieces[i].kind == kind && t->pieces[i].number == number) return &t->pieces[i];
    }
    return NULL;
}

static const piece *output_piece(const trial *t, int output) {
    if (output == 0 && t->request->in_place >= 0) return piece_of(t, PIECE_INPUT, t->request->in_place);
    return piece_of(t, PIECE_OUTPUT, output);
}

/* Infinities that are equal are not apart, and are no measure of what is allowed. */
static double apart(double got, double expected) {
    return got == expected ? 0 : fabs(got - expected);
}

static double size_of(double expected) {
    return isfinite(expected) ? fabs(expected) : 0;
}

static bool compare_output(trial *t, int output, double *error) {
    const clade_tensor *expected = &t->request->expected[output];
    const uint8_t *bytes = t->results[0] + output_piece(t, output)->offset;
    bool exact = expected->dtype == CLADE_I32;
    double largest = 0;
    if (expected->count != t->site.out[output].count) {
        clade_text_add(t->why, "output %d: %lld elements; the reference gives %lld", output,
                       (long long)t->site.out[output].count, (long long)expected->count);
        return false;
    }
    for (int64_t e = 0; e < expected->count; e++) {
        largest = fmax(largest, size_of(expected->data[e]));
    }
    double allowed = exact ? 0 : t->request->tolerance * largest + ABSOLUTE_FLOOR;
    for (int64_t e = 0; e < expected->count; e++) {
        float real;
        int32_t integer;
        memcpy(&real, bytes + (size_t)e * 4, 4);
        memcpy(&integer, bytes + (size_t)e * 4, 4);
        double got = exact ? (double)integer : (double)real, difference = apart(got, expected->data[e]);
        if (largest > 0 && difference / largest > *error) *error = difference / largest;
        if (difference <= allowed) continue;
        clade_text_add(t->why, "output %d: element %lld is %.9g, the reference says %.9g", output, (long long)e, got,
                       expected->data[e]);
        return false;
    }
    return true;
}

static bool compare_samples(trial *t, double *error) {
    const clade_samples *samples = t->request->samples;
    const uint8_t *bytes = t->results[0] + output_piece(t, 0)->offset;
    double largest = 0;
    for (int i = 0; i < samples->count; i++) {
        largest = fmax(largest, size_of(samples->values[i]));
    }
    for (int i = 0; i < samples->count; i++) {
        float got;
        memcpy(&got, bytes + (size_t)samples->elements[i] * sizeof got, sizeof got);
        const double difference = apart((double)got, samples->values[i]);
        if (largest > 0 && difference / largest > *error) *error = difference / largest;
        if (difference <= t->request->tolerance * largest + ABSOLUTE_FLOOR) continue;
        clade_text_add(t->why, "output 0: element %lld is %.9g, the reference says %.9g",
                       (long long)samples->elements[i], (double)got, samples->values[i]);
        return false;
    }
    for (int64_t e = 0; e < t->site.out[0].count; e++) {
        uint32_t bits;
        memcpy(&bits, bytes + (size_t)e * sizeof bits, sizeof bits);
        if (bits != UINT32_MAX) continue;
        clade_text_add(t->why, "output 0: element %lld is not written", (long long)e);
        return false;
    }
    return true;
}

static bool same_bits(trial *t, int output) {
    const piece *p = output_piece(t, output);
    if (memcmp(t->results[0] + p->offset, t->results[1] + p->offset, p->bytes) == 0) return true;
    clade_text_add(t->why, "output %d: a second run over other garbage gives other bits", output);
    return false;
}

/* Everything that is neither output nor workspace is as it was written. */
static bool untouched(trial *t, int run) {
    draw_image(t, garbage[run]);
    for (int i = 0; i < t->count; i++) {
        const piece *p = &t->pieces[i];
        bool overwritten = p->kind == PIECE_INPUT && p->number == t->request->in_place;
        if (p->kind == PIECE_INPUT && !overwritten) continue;
        memcpy(t->image + p->offset, t->results[run] + p->offset, p->bytes);
    }
    if (memcmp(t->image, t->results[run], t->bytes) == 0) return true;
    static const char *const kinds[] = { "input", "output", "workspace", "prepared weights" };
    size_t at = 0;
    while (t->image[at] == t->results[run][at]) {
        at++;
    }
    const piece *before = NULL;
    for (int i = 0; i < t->count; i++) {
        if (t->pieces[i].offset <= at) before = &t->pieces[i];
    }
    if (before == NULL) {
        clade_text_add(t->why, "a byte before the first array was written");
    } else if (at < before->offset + before->bytes) {
        clade_text_add(t->why, "input %d was written at byte %zu", before->number, at - before->offset);
    } else {
        clade_text_add(t->why, "a byte was written %zu past the end of %s %d", at - before->offset - before->bytes,
                       kinds[before->kind], before->number);
    }
    return false;
}

static bool judge(trial *t, double *error) {
    bool good = true;
    int outputs = (int)t->request->node->output_count;
    if (t->request->samples != NULL) {
        good = compare_samples(t, error);
    } else {
        for (int o = 0; o < outputs && good; o++) {
            good = compare_output(t, o, error);
        }
    }
    for (int run = 0; run < t->runs && good; run++) {
        good = untouched(t, run);
    }
    for (int o = 0; o < outputs && good && t->runs > 1; o++) {
        good = same_bits(t, o);
    }
    return good;
}

clade_status clade_trial_run(const clade_trial_request *request, bool *passed, double *error, clade_text *why) {
    trial t = { .request = request, .context = request->node->graph->context, .why = why };
    t.runs = request->once ? 1 : RUNS;
    *passed = false;
    *error = 0;
    clade_status status = clade_trial_site(request->device, request->node, request->binding, &t.site);
    if (status != CLADE_OK) return status;
    t.site.configuration = request->configuration;
    lay_out(&t);
    status = make_buffers(&t);
    if (status != CLADE_OK) goto done;
    clade_status run = clade_commands_new(request->device, &t.commands);
    if (run == CLADE_OK) run = clade_site_prepare(&t.site, request->implementation, t.commands);
    if (run == CLADE_OK) run = clade_site_record(&t.site, request->implementation, t.commands);
    for (int i = 0; i < t.runs && run == CLADE_OK; i++) {
        run = run_once(&t, i);
    }
    if (request->fault != NULL) *request->fault = run;
    if (run == CLADE_OK) *passed = judge(&t, error);
    if (run != CLADE_OK) clade_text_add(why, "%s", clade_error(t.context));
done:
    trial_free(&t);
    return status;
}
