#include "support/gradients.h"

#include "base/random.h"
#include "exec/plan.h"
#include "passes/passes.h"
#include "train/sum_over_devices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the problem ---- */

static void find_decisions(gradient_problem *p) {
    p->decisions = calloc(p->graph->node_count, sizeof *p->decisions);
    assert_non_null(p->decisions);
    for (uint32_t i = 0; i < p->graph->node_count; i++) {
        const char *op = p->graph->nodes[i]->op->name;
        const bool pools = strcmp(op, "max_pool") == 0;
        if (!pools && strcmp(op, "relu") != 0) continue;
        const clade_value value = { p->graph, i, pools ? 1 : 0 };
        const clade_dims dims = clade_value_dims(value);
        p->decisions[p->decision_count++] = value;
        p->decisions_per += (size_t)clade_dims_value(p->graph, &dims, (clade_binding){ .batch = 1 }, NULL);
    }
}

void gradient_pose(clade_context *context, const char *name, int64_t batch, gradient_problem *p) {
    const clade_model *model = clade_model_find(name);
    assert_non_null(model);
    setenv("CLADE_FORCE", "direct", 1);
    const int64_t *size = model->image;
    *p = (gradient_problem){
        .context = context, .graph = clade_graph_new(context), .batch = batch, .pixels = size[0] * size[1] * size[2]
    };
    p->feed.image = clade_input(p->graph, "image", CLADE_F32, clade_shape(CLADE_BATCH, size[0], size[1], size[2]));
    p->feed.label = clade_input(p->graph, "label", CLADE_I32, clade_shape(CLADE_BATCH));
    const clade_model_values values = model->build(p->feed.image, p->feed.label);
    p->feed.loss = values.loss;
    p->feed.correct = clade_count_correct(values.scores, p->feed.label);
    find_decisions(p);
    const clade_optimizer plain = { .kind = CLADE_SGD };
    assert_good(context, clade_optimizer_find(&plain, values.loss, clade_device_share(p->graph), &p->trained));
    assert_good(context, clade_sum_over_devices(&p->feed, &p->summed, &p->trained));
    p->images = calloc((size_t)(batch * p->pixels), sizeof *p->images);
    p->labels = calloc((size_t)batch, sizeof *p->labels);
    assert_non_null(p->images);
    assert_non_null(p->labels);
    for (int64_t i = 0; i < batch; i++)
        p->labels[i] = (int32_t)(3 * i % model->classes);
}

void gradient_draw_images(gradient_problem *p, uint64_t seed) {
    clade_random random = clade_random_stream(seed, "images", 0);
    for (int64_t i = 0; i < p->batch * p->pixels; i++)
        p->images[i] = (float)clade_random_uniform(&random);
}

void gradient_withdraw(gradient_problem *p) {
    clade_trained_free(p->context, &p->trained);
    clade_graph_free(p->graph);
    free(p->decisions);
    free(p->images);
    free(p->labels);
}

/* ---- one device's part ---- */

void gradient_part_make(const gradient_problem *p, clade_device *device, int64_t first, int64_t count,
                        gradient_part *part) {
    const size_t numbers = (size_t)p->trained.parameters;
    *part = (gradient_part){ .p = p,
                             .device = device,
                             .first = first,
                             .count = count,
                             .own = calloc(numbers, sizeof(double)),
                             .sums = calloc(numbers, sizeof(double)),
                             .decisions = calloc((size_t)count * p->decisions_per + 1, sizeof(uint16_t)) };
    assert_non_null(part->own);
    assert_non_null(part->sums);
    assert_non_null(part->decisions);
}

void gradient_part_free(gradient_part *part) {
    free(part->decisions);
    free(part->own);
    free(part->sums);
}

static clade_status read_gradients(const gradient_part *part, const clade_plan *plan, size_t first, double *out) {
    clade_status status = CLADE_OK;
    float *numbers = calloc((size_t)part->p->trained.parameters, sizeof *numbers);
    for (size_t i = 0; i < part->p->trained.count && status == CLADE_OK; i++) {
        const clade_buffer *buffer = clade_plan_target(plan, first + i);
        status = clade_buffer_read(buffer, 0, numbers, buffer->bytes);
        for (size_t k = 0; k < buffer->bytes / sizeof *numbers; k++)
            *out++ = (double)numbers[k];
    }
    free(numbers);
    return status;
}

static clade_status read_decisions(gradient_part *part, const clade_plan *plan, size_t first) {
    const gradient_problem *p = part->p;
    clade_status status = CLADE_OK;
    uint16_t *place = part->decisions;
    for (size_t i = 0; i < p->decision_count && status == CLADE_OK; i++) {
        const clade_buffer *buffer = clade_plan_target(plan, first + i);
        const bool pools = clade_value_dtype(p->decisions[i]) == CLADE_I32;
        const size_t count = buffer->bytes / sizeof(int32_t), of_sample = count / (size_t)part->count;
        int32_t *numbers = malloc(buffer->bytes);
        if (numbers == NULL) return CLADE_ERROR_MEMORY;
        status = clade_buffer_read(buffer, 0, numbers, buffer->bytes);
        for (size_t k = 0; k < count; k++) /* a float above 0 is an integer above 0 */
            place[k / of_sample * p->decisions_per + k % of_sample] = (uint16_t)(pools ? numbers[k] : numbers[k] > 0);
        place += of_sample;
        free(numbers);
    }
    return status;
}

/* Of the device's own gradients, the sums, the loss and correct count of the batch, and the decisions. */
static clade_status make_plan(const gradient_part *part, clade_session *session, clade_plan **plan) {
    const gradient_problem *p = part->p;
    const size_t count = p->trained.count, all = 2 * count + 2 + p->decision_count;
    clade_value *targets = calloc(all, sizeof *targets);
    memcpy(targets, p->trained.gradients, count * sizeof *targets);
    memcpy(targets + count, p->trained.sums, count * sizeof *targets);
    targets[2 * count] = p->summed.loss;
    targets[2 * count + 1] = p->summed.correct;
    memcpy(targets + 2 * count + 2, p->decisions, p->decision_count * sizeof *targets);
    const clade_plan_request request = { .targets = targets, .target_count = all, .binding = { .batch = part->count } };
    clade_status status = clade_session_plan(session, &request, plan);
    free(targets);
    return status;
}

static clade_status run_part(gradient_part *part, clade_session *session) {
    const gradient_problem *p = part->p;
    const size_t count = p->trained.count, pixels = (size_t)p->pixels, samples = (size_t)part->count;
    clade_plan *plan;
    clade_status status = make_plan(part, session, &plan);
    if (status == CLADE_OK)
        status = clade_session_set_scalar(session, CLADE_DEVICE_SHARE, (float)part->count / (float)p->batch);
    if (status == CLADE_OK)
        status = clade_buffer_write(clade_plan_input(plan, p->feed.image), 0, p->images + (size_t)part->first * pixels,
                                    samples * pixels * sizeof *p->images);
    if (status == CLADE_OK)
        status = clade_buffer_write(clade_plan_input(plan, p->feed.label), 0, p->labels + part->first,
                                    samples * sizeof *p->labels);
    if (status == CLADE_OK) status = clade_plan_enqueue(plan);
    if (status == CLADE_OK) status = read_gradients(part, plan, 0, part->own);
    if (status == CLADE_OK) status = read_gradients(part, plan, count, part->sums);
    if (status == CLADE_OK)
        status = clade_buffer_read(clade_plan_target(plan, 2 * count), 0, &part->loss, sizeof part->loss);
    if (status == CLADE_OK)
        status = clade_buffer_read(clade_plan_target(plan, 2 * count + 1), 0, &part->correct, sizeof part->correct);
    return status == CLADE_OK ? read_decisions(part, plan, 2 * count + 2) : status;
}

void *gradient_part_run(void *argument) {
    gradient_part *part = argument;
    clade_session *session;
    part->status = clade_session_new(part->device, part->p->graph, 0, &session);
    if (part->status == CLADE_OK) clade_session_sync_batch_norm(session);
    if (part->status == CLADE_OK) part->status = run_part(part, session);
    clade_session_free(session);
    return NULL;
}

/* ---- in double ---- */

static bool decided_alike(const gradient_problem *p, clade_reference *reference, const gradient_part *alone) {
    const uint16_t *place = alone->decisions;
    for (size_t i = 0; i < p->decision_count; i++) {
        const clade_tensor *value = clade_reference_value(reference, p->decisions[i]);
        const bool pools = clade_value_dtype(p->decisions[i]) == CLADE_I32;
        assert_non_null(value);
        const size_t of_sample = (size_t)(value->count / p->batch);
        for (size_t k = 0; k < (size_t)value->count; k++) {
            const int decision = pools ? (int)value->data[k] : value->data[k] > 0;
            if (place[k / of_sample * p->decisions_per + k % of_sample] != decision) return false;
        }
        place += of_sample;
    }
    return true;
}

static void fill(clade_reference *reference, clade_value leaf, const float *floats, const int32_t *integers) {
    clade_tensor *tensor = clade_reference_leaf(reference, leaf);
    assert_non_null(tensor);
    for (int64_t i = 0; i < tensor->count; i++)
        tensor->data[i] = floats != NULL ? (double)floats[i] : (double)integers[i];
}

/* The whole batch's gradient by the references, in double; whether they decided as the one device did. */
static void compute_exactly(gradient_judge *judge) {
    const gradient_problem *p = &judge->p;
#ifdef __SANITIZE_ADDRESS__ /* the references would take minutes: one device stands for them */
    memcpy(judge->exact, judge->alone.own, (size_t)p->trained.parameters * sizeof *judge->exact);
    judge->exact_alike = true;
    return;
#endif
    clade_reference *reference = clade_reference_new(p->graph, (clade_binding){ .batch = p->batch });
    double *out = judge->exact;
    assert_non_null(reference);
    fill(reference, p->feed.image, p->images, NULL);
    fill(reference, p->feed.label, NULL, p->labels);
    for (size_t i = 0; i < p->trained.count; i++) {
        const clade_tensor *gradient = clade_reference_value(reference, p->trained.gradients[i]);
        if (gradient == NULL) fail_msg("%s", clade_error(p->context));
        memcpy(out, gradient->data, (size_t)gradient->count * sizeof *out);
        out += gradient->count;
    }
    judge->exact_alike = decided_alike(p, reference, &judge->alone);
    clade_reference_free(reference);
}

double gradient_difference(const double *a, const double *b, int64_t count) {
    double apart = 0, whole = 0;
    for (int64_t i = 0; i < count; i++) {
        apart += (a[i] - b[i]) * (a[i] - b[i]);
        whole += b[i] * b[i];
    }
    return sqrt(apart / whole);
}

/* ---- judging ---- */

void gradient_judge_open(clade_context *context, const char *model, int64_t batch, gradient_judge *judge) {
    size_t index = 0;
    gradient_pose(context, model, batch, &judge->p);
    assert_good(context, clade_device_choose(context, NULL, &index, NULL));
    assert_good(context, clade_device_open(context, index, &judge->device));
    gradient_part_make(&judge->p, judge->device, 0, batch, &judge->alone);
    judge->exact = calloc((size_t)judge->p.trained.parameters, sizeof *judge->exact);
    assert_non_null(judge->exact);
}

void gradient_judge_draw(gradient_judge *judge, uint64_t seed) {
    gradient_draw_images(&judge->p, seed);
    gradient_part_run(&judge->alone);
    assert_good(judge->p.context, judge->alone.status);
    compute_exactly(judge);
    judge->apart = gradient_difference(judge->alone.own, judge->exact, judge->p.trained.parameters);
}

void gradient_judge_close(gradient_judge *judge) {
    gradient_part_free(&judge->alone);
    clade_device_close(judge->device);
    gradient_withdraw(&judge->p);
    free(judge->exact);
}

/* All have the same sums; how far they are from those of the parts' gradients in double. */
static double compare_with_host(const gradient_judge *judge, const gradient_part *parts, size_t count) {
    const int64_t numbers = judge->p.trained.parameters;
    double *host = calloc((size_t)numbers, sizeof *host);
    assert_non_null(host);
    for (size_t i = 0; i < count; i++) {
        for (int64_t k = 0; k < numbers; k++)
            host[k] += parts[i].own[k];
        assert_memory_equal(parts[i].sums, parts[0].sums, (size_t)numbers * sizeof *host);
        assert_true(fabsf(parts[i].loss - judge->alone.loss) < 1e-5f * judge->alone.loss);
        assert_true(parts[i].correct == judge->alone.correct);
    }
    const double apart = gradient_difference(parts[0].sums, host, numbers);
    free(host);
    return apart;
}

/* The largest difference of two elements, as a share of the largest element of B. */
static double largest_difference(const double *a, const double *b, int64_t count) {
    double apart = 0, largest = 0;
    for (int64_t i = 0; i < count; i++) {
        apart = fmax(apart, fabs(a[i] - b[i]));
        largest = fmax(largest, fabs(b[i]));
    }
    return apart / largest;
}

gradient_verdict gradient_judge_parts(const gradient_judge *judge, const char *who, const gradient_part *parts,
                                      size_t count) {
    const size_t per = judge->p.decisions_per;
    const int64_t numbers = judge->p.trained.parameters;
    gradient_verdict v = { .host = compare_with_host(judge, parts, count),
                           .largest = largest_difference(parts[0].sums, judge->alone.own, numbers),
                           .one = gradient_difference(parts[0].sums, judge->alone.own, numbers),
                           .exact = gradient_difference(parts[0].sums, judge->exact, numbers),
                           .alike = judge->exact_alike };
    for (size_t i = 0; i < count; i++)
        v.alike = v.alike && memcmp(parts[i].decisions, judge->alone.decisions + (size_t)parts[i].first * per,
                                    (size_t)parts[i].count * per * sizeof(uint16_t)) == 0;
    print_message(
        "%s %zu: from the host's sums %.2g; from one device %.2g, elements %.2g of the largest; from the exact "
        "%.2g, one device %.2g%s\n",
        who, count, v.host, v.one, v.largest, v.exact, judge->apart, v.alike ? "" : "; other sides of kinks");
    if (!(v.host < 1e-7)) fail_msg("%s %zu: %g from the host's sums", who, count, v.host);
    if (v.alike && !(v.largest < 1e-6))
        fail_msg("%s %zu: elements %g from one device's, of the largest", who, count, v.largest);
    if (v.alike && !(v.one < 1.5e-6)) fail_msg("%s %zu: %g from one device's gradient", who, count, v.one);
    if (v.alike && !(v.exact < 1.5e-6)) fail_msg("%s %zu: %g from the exact gradient", who, count, v.exact);
    return v;
}
