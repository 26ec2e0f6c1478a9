/* Recurrent layers against numbers computed independently, the layers' states, faults and dims.
 *
 * The numbers torch_... are PyTorch's (2.x, in double): nn.LSTM, nn.GRU and nn.RNN with weights, inputs and initial states
 * by pattern() below, gates in PyTorch's order; with lengths through pack_padded_sequence. Of y, the last states, then the
 * gradients of x, the initial states, W, R and B (in ONNX's order of gates), one after another, every fourth is kept. The
 * loss is the sum of y and the last states, each times a pattern. The numbers onnx_... are onnxruntime's: y and the last
 * states of the operators LSTM and GRU, every fourth or third. */
#include "clade/ops.h"
#include "clade/session.h"
#include "passes/passes.h"

#include "support/device.h"

#include <math.h>
#include <string.h>

typedef graph_fixture fixture;

enum { T = 4, N = 3, C = 2, H = 3, MOST = 1024 };

static const float torch_rnn_tanh[] = {
    -0.4682002F, 0.3043673F,  -0.9233944F, -0.5875697F, 0.9005095F,  -0.4985413F, -0.2327055F, 0.8430628F, -0.7814972F,
    0.1315165F,  0.9165723F,  -0.2362654F, 0.1228298F,  0.0767977F,  0.4771191F,  0.02584915F, 0.1053926F, 0.4543975F,
    -0.131469F,  0.01867539F, 0.2975979F,  0.4280767F,  0.02110109F, -0.8658757F, 1.240169F,
};
static const float torch_rnn_relu[] = {
    0.0F,       0.3143258F,   0.0F,       0.0F,       0.7040816F,  0.0F,        0.0F,        0.8643602F, 0.0F,
    0.245803F,  1.351301F,    0.0F,       0.1659243F, 0.03345415F, -0.1216296F, -0.1131428F, 0.4587786F, 0.227735F,
    0.1040542F, -0.06453937F, 0.2813959F, 0.0F,       -1.599242F,  0.0F,        0.2890861F,
};
static const float torch_lstm[] = {
    -0.1691233F,  -0.131303F,   -0.01112283F,  -0.2393619F,   0.02093741F,  0.01884392F,  -0.2825692F,  0.2010343F,
    0.04593509F,  -0.2345595F,  0.163909F,     0.05489729F,   -0.2553756F,  0.424973F,    -0.02284574F, -0.01292559F,
    -0.1081541F,  -0.07496817F, 0.2725939F,    -0.1941969F,   -0.06748226F, -0.05315734F, -0.2672931F,  0.04698242F,
    0.04984833F,  -0.05428669F, 0.01372552F,   0.01679989F,   0.008154784F, -0.03931299F, -0.02610407F, -0.05729783F,
    0.001752656F, 0.04040225F,  -0.004107882F, -0.002090698F, -0.01673359F, 0.07007822F,  0.0258186F,   0.02130278F,
    -0.07336243F, 0.07414252F,  0.02130278F,   -0.07336243F,  0.07414252F,
};
static const float torch_gru[] = {
    0.2513598F,   -0.2562773F, 0.06527438F,   0.5026331F,   -0.01145062F, -0.03766472F, 0.4388695F,    0.398433F,
    -0.3421586F,  0.01314061F, 0.1187035F,    -0.5778034F,  -0.03293347F, -0.1587279F,  -0.04973004F,  0.06048723F,
    0.1319193F,   -0.1015612F, 0.0516016F,    -0.07789156F, -0.02241481F, 0.08519974F,  -0.009414013F, 0.1029309F,
    0.07037043F,  -0.1452253F, -0.001304423F, 0.01186973F,  0.002646744F, -0.2058426F,  0.2412284F,    0.03226056F,
    -0.05867528F, 0.0543934F,  0.113631F,     0.465441F,
};
static const float torch_lstm_packed[] = {
    -0.1691233F,   -0.09235942F, 0.03206305F,   0.1127321F,    -0.07807779F, 0.06424159F,  0.0F,          0.0F,
    0.0398761F,    -0.02840988F, -0.2067238F,   0.0F,          -0.2825692F,  -0.0149603F,  0.051029F,     0.0F,
    0.0F,          0.0F,         -0.2345595F,   -0.131303F,    0.05231552F,  -0.1930028F,  -0.07807779F,  0.1555229F,
    -0.4859904F,   -0.138032F,   -0.3153373F,   -0.05987099F,  -0.4923827F,  0.0F,         0.1642459F,    -0.4432645F,
    0.0F,          0.09502671F,  0.03351973F,   -0.09980483F,  0.01760507F,  0.06025935F,  -0.008983847F, -0.3081368F,
    -0.2391209F,   -0.1917753F,  0.05944546F,   -0.07724152F,  -0.04124152F, -0.03474176F, 0.006275741F,  0.02318056F,
    -0.0251417F,   -0.1281149F,  -0.01951619F,  -0.07112904F,  0.06064965F,  0.4516582F,   -0.006176843F, -0.008552817F,
    -0.004041284F, 0.004827469F, -0.002398667F, -0.006441197F, 0.001960071F, 0.148031F,    0.04696533F,   0.001628081F,
    0.002700247F,  0.06453986F,  0.01447835F,   0.001203863F,  0.0381009F,   -0.01201968F, 0.09447467F,   -0.07542986F,
    -0.01103809F,  0.06820258F,  0.02986927F,   -0.01103809F,  0.06820258F,  0.02986927F,  -0.03979031F,  -0.004588838F,
    -0.0623281F,   -0.03979031F, -0.004588838F, -0.0623281F,
};
static const float torch_gru_packed[] = {
    0.2513598F,   0.1432253F,   -0.517318F,    0.2739722F,   0.1877542F,    -0.2606026F,   0.0F,        0.0F,
    -0.4901149F,  -0.05570519F, 0.3466881F,    0.0F,         0.4388695F,    -0.1633791F,   -0.4836429F, 0.0F,
    0.0F,         0.0F,         0.01314061F,   -0.2562773F,  -0.5829485F,   0.1646902F,    0.1877542F,  0.5956818F,
    -0.1933266F,  -0.03490321F, 0.0F,          -0.2752179F,  0.0F,          -0.1112671F,   -0.4538548F, -0.2464299F,
    -0.3315422F,  0.06306862F,  -0.01073416F,  0.00415036F,  -0.1740742F,   0.2021942F,    -0.1127225F, 0.01352817F,
    -0.01132167F, 0.441252F,    -0.007117497F, -0.1893635F,  -0.008766941F, 0.002366243F,  0.02129868F, -0.1778563F,
    0.06502278F,  0.09726761F,  -0.02353622F,  -0.01110031F, 0.03784247F,   -0.002155207F, -0.1436485F, 0.04103623F,
    0.00159427F,  1.281214F,    0.1812398F,    0.0245352F,   -0.4120249F,   -0.07309284F,  0.3048764F,  -0.02104161F,
    -0.07271144F,
};
static const float torch_rnn_packed[] = {
    -0.4682002F, 0.9773584F, -0.8926469F, -0.7462045F, 0.9640095F,  -0.788893F,  0.0F,         0.0F,        -0.3626436F,
    -0.7049367F, 0.9467192F, 0.0F,        -0.2327055F, 0.8286689F,  -0.5316907F, 0.0F,         0.0F,        0.0F,
    0.1315165F,  0.3043673F, -0.4171299F, 0.1303262F,  0.9640095F,  -0.7562641F, 0.004071084F, -0.5431273F, 0.0F,
    -0.2942052F, 0.0F,       0.5721792F,  0.1209684F,  0.03250219F, 0.3934279F,  -1.375206F,   0.7128011F,  0.1231004F,
    -0.532617F,  0.2226366F, 0.2674243F,  -0.172342F,  0.3831621F,  -0.2713696F, -1.400597F,   0.02254254F,
};
static const float onnx_gru_before[] = {
    0.3317354F,  0.2562854F, -0.5015068F, 0.4186526F,  0.3353477F,  -0.2839612F,  0.0F,        0.0F,
    -0.4961041F, 0.1854317F, 0.4302975F,  0.0F,        0.6070383F,  -0.04465594F, -0.5201097F, 0.0F,
    0.0F,        0.0F,       0.2627686F,  -0.3201864F, -0.6206369F, 0.132443F,    0.3353477F,
};
static const float onnx_lstm_peep[] = {
    -0.1562307F, -0.07172901F, 0.0324601F,   0.1070733F,  -0.07417485F, 0.05776336F, 0.0F,
    0.0F,        0.04088463F,  -0.02740832F, -0.1923862F, 0.0F,         -0.3086604F, -0.01492452F,
    0.05381032F, 0.0F,         0.0F,         0.0F,        -0.2519411F,  -0.1216137F, 0.05614321F,
    -0.1867358F, -0.07417485F, 0.1540061F,   -0.4902589F, -0.1094397F,  -0.2760424F,
};
static const float onnx_lstm_clip[] = {
    -0.1281352F, 0.01721529F, -0.0565239F, -0.01325252F, 0.0F,        -0.09013025F,
    -0.0350064F, 0.0F,        0.06952704F, -0.05275679F, 0.0F,        0.0F,
    -0.1281352F, 0.01721529F, -0.0565239F, -0.2173877F,  0.03155293F, -0.1077229F,
};
static const float onnx_gru_clip[] = {
    0.1323212F, 0.3580731F,  0.2356001F, -0.118063F, 0.3370352F, 0.3675303F, -0.01592979F, 0.2813473F,
    0.3770283F, 0.06424467F, 0.1494229F, 0.3732721F, 0.1323212F, 0.3580731F, 0.2356001F,
};

/* COUNT numbers in +-0.75 that follow from SEED. */
static void pattern(float *to, int64_t count, int seed) {
    for (int64_t i = 0; i < count; i++) {
        to[i] = (float)(1.5 * ((double)((i * 37 + seed * 11) % 101) / 101 - 0.5));
    }
}

/* Values to feed and to fetch, with room for their numbers. */
typedef struct numbers {
    float fed[MOST], fetched[MOST];
    int64_t fed_count, fetched_count;
    clade_binding_array feeds[16], fetches[16];
    size_t feeds_made, fetches_made;
} numbers;

static int64_t count_of(clade_dims dims) {
    const clade_dims bound = dims;
    int64_t count = 1;
    for (int i = 0; i < bound.rank; i++) {
        count *= bound.size[i] == CLADE_TIME ? T : bound.size[i] == CLADE_BATCH ? N : bound.size[i];
    }
    return count;
}

static clade_value feed(fixture *f, numbers *n, const char *name, clade_dims dims, int seed) {
    clade_value input = clade_input(f->graph, name, CLADE_F32, dims);
    const int64_t count = count_of(dims);
    assert_true(n->fed_count + count <= MOST);
    pattern(n->fed + n->fed_count, count, seed);
    n->feeds[n->feeds_made++] = (clade_binding_array){ input, n->fed + n->fed_count, count };
    n->fed_count += count;
    return input;
}

static void fetch(numbers *n, clade_value value) {
    assert_true(clade_value_valid(value));
    const int64_t count = count_of(clade_value_dims(value));
    assert_true(n->fetched_count + count <= MOST);
    n->fetches[n->fetches_made++] = (clade_binding_array){ value, n->fetched + n->fetched_count, count };
    n->fetched_count += count;
}

static void run(fixture *f, numbers *n, bool inference) {
    assert_good(f->context, clade_graph_status(f->graph));
    clade_session *session = NULL;
    assert_good(f->context, clade_session_new(f->device, f->graph, 1, &session));
    const clade_run_options options = { .size = sizeof options,
                                        .batch = N,
                                        .time = T,
                                        .feeds = n->feeds,
                                        .feed_count = n->feeds_made,
                                        .fetches = n->fetches,
                                        .fetch_count = n->fetches_made,
                                        .inference = inference };
    assert_good(f->context, clade_session_run(session, &options));
    clade_session_free(session);
}

static void assert_near(const numbers *n, const float *expected, int64_t count, int64_t step) {
    assert_int_equal((n->fetched_count + step - 1) / step, count);
    for (int64_t i = 0; i < count; i++) {
        const float got = n->fetched[i * step];
        if (!(fabsf(got - expected[i]) <= 2e-5F * (1 + fabsf(expected[i]))))
            fail_msg("number %lld is %g, expected %g", (long long)(i * step), (double)got, (double)expected[i]);
    }
}

#define COUNT(ARRAY) ((int64_t)(sizeof(ARRAY) / sizeof(ARRAY)[0]))

typedef clade_sequence layer(const clade_recurrent_options *options);

/* The layer's options with every input fed: x, weights and initial states, as values of the graph in WITH. */
static clade_recurrent_options fed_options(fixture *f, numbers *n, int64_t gates, clade_recurrent_direction direction,
                                           bool lengths) {
    static int32_t steps[] = { 4, 1, 3 };
    const int64_t d = direction == CLADE_BIDIRECTIONAL ? 2 : 1;
    clade_recurrent_options o = { .size = sizeof o, .units = H, .direction = direction };
    o.x = feed(f, n, "x", clade_shape(CLADE_TIME, CLADE_BATCH, C), 4);
    o.hidden = feed(f, n, "hidden", clade_shape(d, CLADE_BATCH, H), 5);
    if (gates == 4) o.cell = feed(f, n, "cell", clade_shape(d, CLADE_BATCH, H), 6);
    o.weight = feed(f, n, "W", clade_shape(d, gates * H, C), 1);
    o.recurrent = feed(f, n, "R", clade_shape(d, gates * H, H), 2);
    o.bias = feed(f, n, "B", clade_shape(d, 2 * gates * H), 3);
    if (!lengths) return o;
    o.lengths = clade_input(f->graph, "lengths", CLADE_I32, clade_shape(CLADE_BATCH));
    n->feeds[n->feeds_made++] = (clade_binding_array){ o.lengths, steps, N };
    return o;
}

static clade_value weighed(fixture *f, numbers *n, clade_value y, const char *name, int seed) {
    clade_value w = feed(f, n, name, clade_value_dims(y), seed);
    return clade_sum(clade_multiply(y, w), CLADE_ALL_AXES, false);
}

/* Forward and backward, as PyTorch's numbers are. */
static void assert_like_torch(fixture *f, layer *build, int64_t gates, bool packed, bool relu, const float *expected,
                              int64_t count) {
    numbers n = { .fed_count = 0 };
    const clade_recurrent_direction direction = packed ? CLADE_BIDIRECTIONAL : CLADE_FORWARD;
    clade_recurrent_options o = fed_options(f, &n, gates, direction, packed);
    o.relu = relu;
    clade_sequence s = build(&o);
    assert_good(f->context, clade_graph_status(f->graph));
    clade_value loss = clade_add(weighed(f, &n, s.y, "w7", 7), weighed(f, &n, s.hidden, "w8", 8));
    if (gates == 4) loss = clade_add(loss, weighed(f, &n, s.cell, "w9", 9));
    clade_value with[6] = { o.x, o.hidden, o.cell }, gradients[6];
    size_t wanted = gates == 4 ? 3 : 2;
    with[wanted++] = o.weight;
    with[wanted++] = o.recurrent;
    with[wanted++] = o.bias;
    assert_good(f->context, clade_gradient(loss, CLADE_NO_VALUE, with, wanted, gradients));
    fetch(&n, s.y);
    fetch(&n, s.hidden);
    if (gates == 4) fetch(&n, s.cell);
    for (size_t i = 0; i < wanted; i++) {
        fetch(&n, gradients[i]);
    }
    run(f, &n, false);
    assert_near(&n, expected, count, 4);
}

#define TORCH_TEST(NAME, BUILD, GATES, PACKED, RELU, NUMBERS)                                                          \
    static void NAME(void **state) {                                                                                   \
        assert_like_torch(*state, BUILD, GATES, PACKED, RELU, NUMBERS, COUNT(NUMBERS));                                \
    }

TORCH_TEST(test_rnn_is_pytorchs, clade_rnn_with, 1, false, false, torch_rnn_tanh)
TORCH_TEST(test_rnn_with_relu_is_pytorchs, clade_rnn_with, 1, false, true, torch_rnn_relu)
TORCH_TEST(test_lstm_is_pytorchs, clade_lstm_with, 4, false, false, torch_lstm)
TORCH_TEST(test_gru_is_pytorchs, clade_gru_with, 3, false, false, torch_gru)
TORCH_TEST(test_rnn_both_ways_over_lengths_is_pytorchs, clade_rnn_with, 1, true, false, torch_rnn_packed)
TORCH_TEST(test_lstm_both_ways_over_lengths_is_pytorchs, clade_lstm_with, 4, true, false, torch_lstm_packed)
TORCH_TEST(test_gru_both_ways_over_lengths_is_pytorchs, clade_gru_with, 3, true, false, torch_gru_packed)

/* ---- what only ONNX has ---- */

/* At inference, when nothing is kept for a gradient. */
static void assert_like_onnx(fixture *f, numbers *n, clade_sequence s, const float *expected, int64_t count,
                             int64_t step) {
    fetch(n, s.y);
    fetch(n, s.hidden);
    if (clade_value_valid(s.cell)) fetch(n, s.cell);
    run(f, n, true);
    assert_near(n, expected, count, step);
}

static void test_gru_with_the_reset_gate_before_the_product_is_onnxs(void **state) {
    numbers n = { .fed_count = 0 };
    clade_recurrent_options o = fed_options(*state, &n, 3, CLADE_BIDIRECTIONAL, true);
    o.reset_before = true;
    assert_like_onnx(*state, &n, clade_gru_with(&o), onnx_gru_before, COUNT(onnx_gru_before), 4);
}

static void test_lstm_with_peepholes_is_onnxs(void **state) {
    numbers n = { .fed_count = 0 };
    clade_recurrent_options o = fed_options(*state, &n, 4, CLADE_BIDIRECTIONAL, true);
    o.peephole = feed(*state, &n, "P", clade_shape(2, 3 * H), 10);
    assert_like_onnx(*state, &n, clade_lstm_with(&o), onnx_lstm_peep, COUNT(onnx_lstm_peep), 4);
}

static void test_clipped_lstm_in_reverse_is_onnxs(void **state) {
    numbers n = { .fed_count = 0 };
    clade_recurrent_options o = fed_options(*state, &n, 4, CLADE_REVERSE, true);
    o.clip = 0.4;
    assert_like_onnx(*state, &n, clade_lstm_with(&o), onnx_lstm_clip, COUNT(onnx_lstm_clip), 3);
}

static void test_clipped_gru_in_reverse_is_onnxs(void **state) {
    numbers n = { .fed_count = 0 };
    clade_recurrent_options o = fed_options(*state, &n, 3, CLADE_REVERSE, false);
    o.clip = 0.4;
    assert_like_onnx(*state, &n, clade_gru_with(&o), onnx_gru_clip, COUNT(onnx_gru_clip), 3);
}

/* ---- layers ---- */

static void assert_dims(clade_value value, clade_dims expected) {
    assert_true(clade_value_valid(value));
    clade_dims dims = clade_value_dims(value);
    assert_true(clade_dims_equal(&dims, &expected));
}

static void test_layers_keep_time_and_batch_symbolic_and_stack(void **state) {
    fixture *f = *state;
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_TIME, CLADE_BATCH, 5));
    clade_sequence first = clade_lstm(x, .units = 7, .direction = CLADE_BIDIRECTIONAL, .peepholes = true, .name = "a");
    clade_sequence second = clade_gru(first.y, .units = 3), third = clade_rnn(second.y, .units = 2);
    assert_dims(first.y, clade_shape(CLADE_TIME, CLADE_BATCH, 14));
    assert_dims(first.cell, clade_shape(2, CLADE_BATCH, 7));
    assert_dims(second.hidden, clade_shape(1, CLADE_BATCH, 3));
    assert_dims(third.y, clade_shape(CLADE_TIME, CLADE_BATCH, 2));
    assert_false(clade_value_valid(third.cell));
    assert_dims(clade_graph_find(f->graph, "state", "a.weight"), clade_shape(2, 28, 5));
    assert_dims(clade_graph_find(f->graph, "state", "a.recurrent"), clade_shape(2, 28, 7));
    assert_dims(clade_graph_find(f->graph, "state", "a.bias"), clade_shape(2, 56));
    assert_dims(clade_graph_find(f->graph, "state", "a.peephole"), clade_shape(2, 21));
    assert_dims(clade_graph_find(f->graph, "state", "gru_1.weight"), clade_shape(1, 9, 14));
    assert_good(f->context, clade_graph_status(f->graph));
}

static void test_weights_start_uniform_by_the_number_of_units(void **state) {
    fixture *f = *state;
    enum { UNITS = 16, COUNT_OF = 4 * UNITS * UNITS };
    clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_TIME, CLADE_BATCH, UNITS));
    clade_lstm(x, .units = UNITS, .name = "a");
    clade_session *session = NULL;
    assert_good(f->context, clade_session_new(f->device, f->graph, 1, &session));
    float weights[COUNT_OF], largest = 0;
    assert_good(f->context, clade_session_read_state(session, "a.recurrent", weights, COUNT_OF));
    for (int i = 0; i < COUNT_OF; i++) {
        largest = fmaxf(largest, fabsf(weights[i]));
    }
    assert_true(largest <= 0.25F && largest > 0.24F);
    clade_session_free(session);
}

/* With all weights zero, c' = s(bias) c, so that a forget bias of 40 keeps the cell. */
static void test_forget_bias_keeps_the_cell(void **state) {
    fixture *f = *state;
    numbers n = { .fed_count = 0 };
    clade_recurrent_options o = { .size = sizeof o, .units = H, .no_bias = true, .forget_bias = 40 };
    o.x = feed(f, &n, "x", clade_shape(CLADE_TIME, CLADE_BATCH, C), 4);
    o.cell = feed(f, &n, "cell", clade_shape(1, CLADE_BATCH, H), 6);
    o.weight = clade_constant(f->graph, clade_shape(1, 4 * H, C), 0);
    o.recurrent = clade_constant(f->graph, clade_shape(1, 4 * H, H), 0);
    fetch(&n, clade_lstm_with(&o).cell);
    run(f, &n, false);
    assert_near(&n, n.feeds[1].data, n.feeds[1].count, 1);
}

static void assert_fault(fixture *f, clade_sequence sequence, const char *words) {
    assert_false(clade_value_valid(sequence.y));
    assert_int_equal(clade_graph_status(f->graph), CLADE_ERROR_ARGUMENT);
    if (!strstr(clade_error(f->context), words)) fail_msg("'%s' is not in '%s'", words, clade_error(f->context));
    assert_null(strchr(clade_error(f->context), '\n'));
}

#define FAULT_TEST(NAME, CALL, WORDS)                                                                                  \
    static void NAME(void **state) {                                                                                   \
        fixture *f = *state;                                                                                           \
        clade_value x = clade_input(f->graph, "x", CLADE_F32, clade_shape(CLADE_TIME, CLADE_BATCH, 5));                \
        clade_value rows = clade_input(f->graph, "rows", CLADE_F32, clade_shape(CLADE_BATCH, 5));                      \
        (void)rows;                                                                                                    \
        (void)x;                                                                                                       \
        assert_fault(f, CALL, WORDS);                                                                                  \
    }

FAULT_TEST(test_rows_are_no_sequence, clade_lstm(rows, .units = 3), "expected float32 (T, N, C)")
FAULT_TEST(test_layer_without_units, clade_gru(x), "at least 1 unit")
FAULT_TEST(test_weights_of_other_dims,
           clade_rnn(x, .units = 3, .weight = clade_constant(f->graph, clade_shape(3, 5), 0)),
           "expected the weights as float32 (1, 3, 5)")
FAULT_TEST(test_lengths_that_are_no_integers,
           clade_lstm(x, .units = 3, .lengths = clade_constant(f->graph, clade_shape(CLADE_BATCH), 0)),
           "expected lengths as int32 (N)")
FAULT_TEST(test_initial_state_of_another_direction,
           clade_gru(x, .units = 3, .direction = CLADE_BIDIRECTIONAL,
                     .hidden = clade_constant(f->graph, clade_shape(1, CLADE_BATCH, 3), 0)),
           "expected the hidden state as float32 (2, N, 3)")
FAULT_TEST(test_negative_clip, clade_rnn(x, .units = 3, .clip = -1), "clip -1 is negative")

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_graph_fixture, close_graph_fixture)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_rnn_is_pytorchs),
        TEST(test_rnn_with_relu_is_pytorchs),
        TEST(test_lstm_is_pytorchs),
        TEST(test_gru_is_pytorchs),
        TEST(test_rnn_both_ways_over_lengths_is_pytorchs),
        TEST(test_lstm_both_ways_over_lengths_is_pytorchs),
        TEST(test_gru_both_ways_over_lengths_is_pytorchs),
        TEST(test_gru_with_the_reset_gate_before_the_product_is_onnxs),
        TEST(test_lstm_with_peepholes_is_onnxs),
        TEST(test_clipped_lstm_in_reverse_is_onnxs),
        TEST(test_clipped_gru_in_reverse_is_onnxs),
        TEST(test_layers_keep_time_and_batch_symbolic_and_stack),
        TEST(test_weights_start_uniform_by_the_number_of_units),
        TEST(test_forget_bias_keeps_the_cell),
        TEST(test_rows_are_no_sequence),
        TEST(test_layer_without_units),
        TEST(test_weights_of_other_dims),
        TEST(test_lengths_that_are_no_integers),
        TEST(test_initial_state_of_another_direction),
        TEST(test_negative_clip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
