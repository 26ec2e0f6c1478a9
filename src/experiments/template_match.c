/* The drumbeat (deck 003): a pattern that is known is looked for in a signal, and in a picture, by correlation. Copies
 * of it are planted at drawn places, quietly, into noise on a level that wanders, beside bursts that are louder than
 * they. Plain correlation rises wherever it is loud; normalised correlation where it is alike, and its peaks are the
 * planted places. The first row has the deck's sizes: 100 samples with 25 give 76 places, and correlation is
 * convolution with the reversed kernel, which is computed besides by the definition. */
#include "experiments/experiment.h"

#include "base/random.h"
#include "clade/ops.h"
#include "clade/session.h"
#include "formats/svg.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_COPIES = 8 };

/* What is searched: HEIGHT x WIDTH numbers (a signal has one row) for a pattern of ROWS x COLUMNS. */
typedef struct search {
    const char *name;
    int64_t height, width, rows, columns, copies, bursts;
    int64_t planted[MOST_COPIES], found[MOST_COPIES]; /* places, in rising order */
    float *x, *pattern;
    float *plain, *alike; /* the two correlations, at each place */
    float *memory;
} search;

static int64_t places_across(const search *s) {
    return s->width - s->columns + 1;
}

static int64_t places_of(const search *s) {
    return (s->height - s->rows + 1) * places_across(s);
}

static clade_status open_search(clade_lab *lab, search *s) {
    const size_t all = (size_t)(s->height * s->width), taps = (size_t)(s->rows * s->columns);
    const size_t places = (size_t)places_of(s);
    s->memory = clade_allocate(lab->context, all + taps + 2 * places, sizeof *s->memory);
    if (!s->memory) return clade_fail_memory(lab->context, (all + taps + 2 * places) * sizeof *s->memory, s->name);
    s->x = s->memory;
    s->pattern = s->x + all;
    s->plain = s->pattern + taps;
    s->alike = s->plain + places;
    return CLADE_OK;
}

/* ---- what is drawn ---- */

/* A beat: a stroke whose pitch falls, dying away. */
static void draw_beat(search *s) {
    for (int64_t i = 0; i < s->columns; i++) {
        const double t = (double)i / (double)s->columns;
        s->pattern[i] = (float)(sin(30 * t * (1 - 0.4 * t)) * exp(-3 * t));
    }
}

/* A ring with a cross in it. */
static void draw_sign(search *s) {
    const double middle = (double)(s->rows - 1) / 2, radius = 0.8 * middle;
    for (int64_t i = 0; i < s->rows; i++)
        for (int64_t j = 0; j < s->columns; j++) {
            const double y = (double)i - middle, x = (double)j - middle, distance = sqrt(x * x + y * y);
            const bool ring = fabs(distance - radius) < 1, cross = distance < radius && (fabs(x) < 1 || fabs(y) < 1);
            s->pattern[i * s->columns + j] = ring || cross ? 1 : 0;
        }
}

/* Whether a copy at PLACE would touch one of the first COUNT. */
static bool touches(const search *s, int64_t place, int64_t count) {
    const int64_t across = places_across(s);
    for (int64_t i = 0; i < count; i++) {
        const int64_t down = llabs(place / across - s->planted[i] / across);
        if (down < s->rows && llabs(place % across - s->planted[i] % across) < s->columns) return true;
    }
    return false;
}

static void sort_places(int64_t *places, int64_t count) {
    for (int64_t i = 1; i < count; i++)
        for (int64_t j = i; j > 0 && places[j - 1] > places[j]; j--) {
            const int64_t kept = places[j];
            places[j] = places[j - 1];
            places[j - 1] = kept;
        }
}

/* A place that keeps clear of the copies planted so far, if one is soon found. */
static int64_t free_place(const search *s, clade_random *random, int64_t planted) {
    enum { TRIES = 1000 };
    int64_t place = clade_random_below(random, (uint32_t)places_of(s));
    for (int i = 0; i < TRIES && touches(s, place, planted); i++)
        place = clade_random_below(random, (uint32_t)places_of(s));
    return place;
}

/* HEIGHT times PATTERN, or with NULL a flat burst half as wide, added at PLACE. */
static void add_at(search *s, int64_t place, const float *pattern, float height) {
    const int64_t across = places_across(s), columns = pattern ? s->columns : s->columns / 2;
    for (int64_t r = 0; r < s->rows; r++)
        for (int64_t c = 0; c < columns; c++)
            s->x[(place / across + r) * s->width + place % across + c] +=
                height * (pattern ? pattern[r * s->columns + c] : 1);
}

/* Noise of that deviation on a level that wanders, the copies, and bursts beside them. */
static void draw_scene(search *s, clade_random *random, double noise) {
    static const double level = 1.5;
    static const float burst = 4;
    const double pi = acos(-1);
    for (int64_t i = 0; i < s->height * s->width; i++) {
        const double u = (double)(i % s->width) / (double)s->width, v = (double)(i / s->width) / (double)s->height;
        s->x[i] = (float)(level * sin(2 * pi * (u + 0.5 * v)) + noise * clade_random_gaussian(random));
    }
    for (int64_t i = 0; i < s->copies; i++) {
        s->planted[i] = free_place(s, random, i);
        add_at(s, s->planted[i], s->pattern, 1);
    }
    for (int64_t i = 0; i < s->bursts; i++)
        add_at(s, free_place(s, random, s->copies), NULL, burst);
    sort_places(s->planted, s->copies);
}

/* ---- the search ---- */

static clade_status correlate(clade_lab *lab, search *s) {
    clade_graph *graph = clade_graph_new(lab->context);
    if (!graph) return clade_fail_memory(lab->context, sizeof *s, "a graph");
    clade_value x = clade_input(graph, "x", CLADE_F32, clade_shape(1, 1, s->height, s->width));
    clade_value pattern = clade_input(graph, "pattern", CLADE_F32, clade_shape(1, 1, s->rows, s->columns));
    clade_value plain = clade_convolve2d(x, pattern, NULL);
    clade_value alike = clade_normalized_correlation2d(x, pattern, .centred = true);
    clade_session *session = NULL;
    clade_status status = clade_session_new(lab->device, graph, lab->seed, &session);
    const clade_binding_array feeds[] = { { x, s->x, s->height * s->width },
                                          { pattern, s->pattern, s->rows * s->columns } };
    const clade_binding_array fetches[] = { { plain, s->plain, places_of(s) }, { alike, s->alike, places_of(s) } };
    const clade_run_options run = {
        .size = sizeof run, .feeds = feeds, .feed_count = 2, .fetches = fetches, .fetch_count = 2
    };
    if (status == CLADE_OK) status = clade_session_run(session, &run);
    clade_session_free(session);
    clade_graph_free(graph);
    return status;
}

/* The largest of MAP at places that none of the first COUNT found is near; -1 when all are. */
static int64_t next_peak(const search *s, const float *map, const int64_t *found, int64_t count) {
    const int64_t across = places_across(s);
    int64_t best = -1;
    for (int64_t i = 0; i < places_of(s); i++) {
        bool near = false;
        for (int64_t k = 0; k < count && !near; k++)
            near = 2 * llabs(i / across - found[k] / across) <= s->rows &&
                   2 * llabs(i % across - found[k] % across) <= s->columns;
        if (!near && (best < 0 || map[i] > map[best])) best = i;
    }
    return best;
}

/* How many of the highest peaks of MAP, as many as there are copies, are planted places; FOUND in rising order. */
static int64_t count_found(const search *s, const float *map, int64_t found[MOST_COPIES]) {
    int64_t right = 0, count = 0;
    for (; count < s->copies; count++) {
        found[count] = next_peak(s, map, found, count);
        if (found[count] < 0) break;
    }
    sort_places(found, count);
    for (int64_t i = 0; i < count; i++)
        for (int64_t k = 0; k < s->copies; k++)
            right += found[i] == s->planted[k];
    return right;
}

/* The largest difference of the plain correlation from the true convolution with the reversed kernel,
 * y[i] = sum of x[i + m - 1 - j] * reversed[j], over the places where the kernel lies within the signal. */
static double difference_from_convolution(const search *s) {
    double largest = 0;
    for (int64_t i = 0; i < places_of(s); i++) {
        double sum = 0;
        for (int64_t j = 0; j < s->columns; j++)
            sum += (double)s->x[i + s->columns - 1 - j] * (double)s->pattern[s->columns - 1 - j];
        largest = fmax(largest, fabs(sum - (double)s->plain[i]));
    }
    return largest;
}

/* ---- the report ---- */

/* "61" of a signal, "(12, 40)" of a picture. */
static void add_place(clade_text *text, const search *s, int64_t place) {
    const int64_t across = places_across(s);
    if (s->height == 1)
        clade_text_add(text, "%lld", (long long)place);
    else
        clade_text_add(text, "(%lld, %lld)", (long long)(place / across), (long long)(place % across));
}

static clade_status note_places(clade_lab *lab, const search *s, const int64_t places[MOST_COPIES]) {
    clade_text text = { .context = lab->context };
    for (int64_t i = 0; i < s->copies; i++) {
        if (i > 0) clade_text_add(&text, " ");
        add_place(&text, s, places[i]);
    }
    clade_status status =
        text.failed ? clade_fail_memory(lab->context, text.length, "an experiment's table") : CLADE_OK;
    if (status == CLADE_OK) clade_lab_text(lab, clade_text_get(&text));
    clade_text_free(&text);
    return status;
}

static clade_status note_search(clade_lab *lab, search *s, const char *figure, const char *plain_figure) {
    int64_t by_plain[MOST_COPIES];
    const int64_t plain = count_found(s, s->plain, by_plain), right = count_found(s, s->alike, s->found);
    clade_lab_text(lab, s->name);
    clade_lab_number(lab, "%.0f", (double)places_of(s));
    clade_status status = note_places(lab, s, s->planted);
    if (status == CLADE_OK) status = note_places(lab, s, by_plain);
    if (status == CLADE_OK) status = note_places(lab, s, s->found);
    clade_lab_number(lab, "%.3f", (double)s->alike[next_peak(s, s->alike, NULL, 0)]);
    clade_lab_figure(lab, figure, (double)right / (double)s->copies);
    clade_lab_figure(lab, plain_figure, (double)plain / (double)s->copies);
    return status;
}

/* A curve of COUNT numbers in a panel at Y. */
static void draw_curve(clade_text *svg, double y, const char *title, const float *numbers, int64_t count,
                       const int64_t *dots, int64_t dot_count, double *scratch) {
    double *places = scratch, *values = scratch + count, least = 0, most = 0;
    for (int64_t i = 0; i < count; i++) {
        places[i] = (double)i;
        values[i] = (double)numbers[i];
        least = fmin(least, values[i]);
        most = fmax(most, values[i]);
    }
    const clade_panel panel = { .svg = svg,
                                .x = 70,
                                .y = y,
                                .width = 850,
                                .height = 130,
                                .right = (double)count,
                                .bottom = least,
                                .top = most > least ? most : least + 1 };
    clade_panel_axes(&panel, title, "sample", "");
    clade_panel_curve(&panel, places, values, (size_t)count, "stroke=\"#0072b2\" stroke-width=\"1\"");
    for (int64_t i = 0; i < dot_count; i++)
        clade_panel_dot(&panel, (double)dots[i], values[dots[i]], 4, "fill=\"#d55e00\"");
}

static clade_status draw_signal(clade_lab *lab, const search *s) {
    double *scratch = clade_allocate(lab->context, 2 * (size_t)s->width, sizeof *scratch);
    if (!scratch) return clade_fail_memory(lab->context, 2 * (size_t)s->width * sizeof *scratch, "a picture");
    clade_text svg = { .context = lab->context };
    clade_svg_begin(&svg, 960, 640, "The drumbeat: where the pattern is planted (dots)");
    draw_curve(&svg, 60, "the signal", s->x, s->width, s->planted, s->copies, scratch);
    draw_curve(&svg, 260, "plain correlation", s->plain, places_of(s), s->planted, s->copies, scratch);
    draw_curve(&svg, 460, "normalised correlation", s->alike, places_of(s), s->planted, s->copies, scratch);
    clade_svg_end(&svg);
    clade_free(lab->context, scratch);
    return clade_lab_svg(lab, "signal.svg", &svg);
}

/* NUMBERS from least to most as black to white. */
static void draw_greys(clade_text *svg, double x, const char *title, const float *numbers, int64_t rows,
                       int64_t columns, float *scratch) {
    enum { SIZE = 3, TOP = 70 };
    float least = numbers[0], most = numbers[0];
    for (int64_t i = 0; i < rows * columns; i++) {
        least = fminf(least, numbers[i]);
        most = fmaxf(most, numbers[i]);
    }
    for (int64_t i = 0; i < rows * columns; i++)
        scratch[i] = most > least ? (numbers[i] - least) / (most - least) : 0;
    clade_svg_text(svg, x, TOP - 10, "start", title);
    clade_svg_greys(svg, x, TOP, SIZE, scratch, rows, columns);
}

static clade_status draw_picture(clade_lab *lab, const search *s) {
    enum { GAP = 20, SIZE = 3 };
    float *scratch = clade_allocate(lab->context, (size_t)(s->height * s->width), sizeof *scratch);
    if (!scratch) return clade_fail_memory(lab->context, (size_t)(s->height * s->width) * sizeof *scratch, "a picture");
    clade_text svg = { .context = lab->context };
    const double second = GAP + SIZE * (double)s->width + GAP, third = second + SIZE * (double)places_across(s) + GAP;
    clade_svg_begin(&svg, third + SIZE * (double)s->columns + GAP, 100 + SIZE * (double)s->height,
                    "A sign in a picture, by normalised correlation");
    draw_greys(&svg, GAP, "the picture", s->x, s->height, s->width, scratch);
    draw_greys(&svg, second, "how alike, by place", s->alike, s->height - s->rows + 1, places_across(s), scratch);
    draw_greys(&svg, third, "the sign", s->pattern, s->rows, s->columns, scratch);
    clade_svg_end(&svg);
    clade_free(lab->context, scratch);
    return clade_lab_svg(lab, "picture.svg", &svg);
}

/* ---- the row ---- */

/* The deck's sizes, and what correlation is. */
static clade_status note_deck(clade_lab *lab, const search *s) {
    clade_lab_figure(lab, "deck_outputs", (double)places_of(s));
    clade_lab_figure(lab, "difference_from_reversed_convolution", difference_from_convolution(s));
    return CLADE_OK;
}

static clade_status draw_signal_if_wanted(clade_lab *lab, const search *s) {
    return lab->folder ? draw_signal(lab, s) : CLADE_OK;
}

static clade_status draw_picture_if_wanted(clade_lab *lab, const search *s) {
    return lab->folder ? draw_picture(lab, s) : CLADE_OK;
}

/* What is searched, for what, and what is done besides. */
static const struct scene {
    search search;
    void (*draw_pattern)(search *s);
    clade_status (*after)(clade_lab *lab, const search *s);
    const char *figure, *plain_figure;
} scenes[] = {
    { { .name = "100 samples by 25", .height = 1, .width = 100, .rows = 1, .columns = 25, .copies = 1 },
      draw_beat,
      note_deck,
      "deck_found",
      "deck_found_by_plain" },
    { { .name = "signal", .height = 1, .rows = 1, .columns = 64, .bursts = 3 },
      draw_beat,
      draw_signal_if_wanted,
      "signal_found",
      "signal_found_by_plain" },
    { { .name = "picture", .height = 96, .width = 128, .rows = 21, .columns = 21, .copies = 2, .bursts = 3 },
      draw_sign,
      draw_picture_if_wanted,
      "picture_found",
      "picture_found_by_plain" },
};

static clade_status run_scene(clade_lab *lab, const struct scene *scene, clade_random *random) {
    search s = scene->search;
    if (s.width == 0) s.width = clade_lab_count(lab, "samples");
    if (s.copies == 0) s.copies = clade_lab_count(lab, "beats");
    clade_status status = open_search(lab, &s);
    if (status == CLADE_OK) {
        scene->draw_pattern(&s);
        draw_scene(&s, random, clade_lab_setting(lab, "noise"));
        status = correlate(lab, &s);
    }
    if (status == CLADE_OK) status = note_search(lab, &s, scene->figure, scene->plain_figure);
    if (status == CLADE_OK) status = scene->after(lab, &s);
    clade_free(lab->context, s.memory);
    return status;
}

static clade_status run(clade_lab *lab) {
    static const char *const columns[] = { "what", "places", "planted", "plain", "normalised", "highest" };
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        clade_lab_column(lab, columns[i]);
    clade_random random = clade_random_stream(lab->seed, "drumbeat", 0);
    clade_status status = CLADE_OK;
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes && status == CLADE_OK; i++)
        status = run_scene(lab, &scenes[i], &random);
    return status;
}

static const clade_setting settings[] = {
    { "samples", 4000, 1000, 100000, true, "of the signal" },
    { "beats", 4, 1, MOST_COPIES, true, "planted in the signal" },
    { "noise", 0.1, 0, 10, false, "deviation of the noise; the copies are 1 high" },
    { .name = NULL },
};

const clade_experiment_row clade_experiment_drumbeat = {
    .about = { .name = "drumbeat",
               .title = "a known pattern found in a signal and in a picture: normalised against plain correlation",
               .settings = settings },
    .run = run,
};
