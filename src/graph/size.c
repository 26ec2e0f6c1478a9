/* Sizes: numbers, symbols and expressions over them. Expressions are kept once each, in a canonical form, so that equal
 * sizes are equal integers: constants are folded, and the operands of sums and products are ordered. */
#include "graph/graph.h"

#include <inttypes.h>

static const char *const symbol_names[] = { "N", "T" };

static bool is_number(clade_size size) {
    return size >= 0;
}

static const clade_size_expression *expression_of(const clade_graph *graph, clade_size size) {
    return &graph->sizes[(uint64_t)(-1 - size)];
}

static uint32_t terms_of(const clade_graph *graph, clade_size size) {
    return is_number(size) ? 0 : expression_of(graph, size)->terms;
}

/* The size that stands for the expression, an existing one where there is one. What takes an expression apart walks all its
 * terms, which sums of sums double: so they are bounded. */
static clade_size intern(clade_graph *graph, clade_size_kind kind, clade_size a, clade_size b) {
    enum { MOST_TERMS = 4096 };
    const uint32_t terms = terms_of(graph, a) + terms_of(graph, b);
    if (terms > MOST_TERMS) {
        clade_invalid(graph, CLADE_ERROR_UNSUPPORTED, "a size of more than %d open sizes", MOST_TERMS);
        return 0;
    }
    for (uint32_t i = 0; i < graph->size_count; i++) {
        const clade_size_expression *known = &graph->sizes[i];
        if (known->kind == kind && known->a == a && known->b == b) return -1 - (clade_size)i;
    }
    if (graph->size_count == graph->size_capacity) {
        uint32_t capacity = graph->size_capacity ? 2 * graph->size_capacity : 16;
        clade_size_expression *grown = clade_reallocate(graph->context, graph->sizes, capacity, sizeof *grown);
        if (!grown) {
            clade_invalid(graph, CLADE_ERROR_MEMORY, "out of memory for a size expression");
            return 0;
        }
        graph->sizes = grown;
        graph->size_capacity = capacity;
    }
    graph->sizes[graph->size_count] = (clade_size_expression){ kind, a, b, terms };
    return -1 - (clade_size)graph->size_count++;
}

static clade_size overflow(clade_graph *graph) {
    clade_invalid(graph, CLADE_ERROR_ARGUMENT, "a size is too large for 64 bits");
    return 0;
}

static clade_size ordered(clade_graph *graph, clade_size_kind kind, clade_size a, clade_size b) {
    return a > b ? intern(graph, kind, a, b) : intern(graph, kind, b, a);
}

/* SIZE as a number times *REST. */
static int64_t factor_of(const clade_graph *graph, clade_size size, clade_size *rest) {
    const clade_size_expression *e = expression_of(graph, size);
    const bool product = e->kind == CLADE_SIZE_PRODUCT && is_number(e->a);
    *rest = product ? e->b : size;
    return product ? e->a : 1;
}

clade_size clade_size_add(clade_graph *graph, clade_size a, clade_size b) {
    if (is_number(a) && is_number(b)) {
        clade_size sum;
        return __builtin_add_overflow(a, b, &sum) ? overflow(graph) : sum;
    }
    if (a == 0) return b;
    if (b == 0) return a;
    if (!is_number(a) && !is_number(b)) { /* N + 2 * N is 3 * N */
        clade_size rest_a, rest_b;
        const int64_t times_a = factor_of(graph, a, &rest_a), times_b = factor_of(graph, b, &rest_b);
        if (rest_a == rest_b) return clade_size_multiply(graph, clade_size_add(graph, times_a, times_b), rest_a);
    }
    return ordered(graph, CLADE_SIZE_SUM, a, b);
}

clade_size clade_size_multiply(clade_graph *graph, clade_size a, clade_size b) {
    if (is_number(a) && is_number(b)) {
        clade_size product;
        return __builtin_mul_overflow(a, b, &product) ? overflow(graph) : product;
    }
    if (a == 0 || b == 0) return 0;
    if (a == 1) return b;
    if (b == 1) return a;
    clade_size number = is_number(a) ? a : b, rest = is_number(a) ? b : a;
    if (is_number(number) && expression_of(graph, rest)->kind == CLADE_SIZE_PRODUCT) { /* 3 * (4 * N) is 12 * N */
        clade_size_expression inner = *expression_of(graph, rest);
        if (is_number(inner.a)) return clade_size_multiply(graph, clade_size_multiply(graph, number, inner.a), inner.b);
    }
    return ordered(graph, CLADE_SIZE_PRODUCT, a, b);
}

clade_size clade_size_divide(clade_graph *graph, clade_size a, clade_size b) {
    if (b == 0) {
        clade_invalid(graph, CLADE_ERROR_ARGUMENT, "a size is divided by zero");
        return 0;
    }
    if (b == 1) return a;
    if (a == b) return 1;
    if (is_number(a) && is_number(b)) return a / b;
    if (!is_number(a) && expression_of(graph, a)->kind == CLADE_SIZE_PRODUCT) { /* (12 * N) / 4 is 3 * N */
        clade_size_expression product = *expression_of(graph, a);
        if (product.a == b) return product.b;
        if (product.b == b) return product.a;
        if (is_number(product.a) && is_number(b) && product.a % b == 0)
            return clade_size_multiply(graph, product.a / b, product.b);
    }
    return intern(graph, CLADE_SIZE_QUOTIENT, a, b);
}

clade_size clade_size_product(clade_graph *graph, const clade_size *sizes, int32_t count) {
    clade_size product = 1;
    for (int32_t i = 0; i < count; i++)
        product = clade_size_multiply(graph, product, sizes[i]);
    return product;
}

clade_size clade_dims_count(clade_graph *graph, const clade_dims *dims) {
    return clade_size_product(graph, dims->size, dims->rank);
}

bool clade_dims_equal(const clade_dims *a, const clade_dims *b) {
    if (a->rank != b->rank) return false;
    for (int32_t i = 0; i < a->rank; i++)
        if (a->size[i] != b->size[i]) return false;
    return true;
}

static void print_size(clade_graph *graph, clade_size size, bool enclosed, clade_text *out) {
    static const char *const signs[] = { "", " + ", "*", "/" };
    if (is_number(size)) {
        clade_text_add(out, "%" PRId64, size);
        return;
    }
    clade_size_expression e = *expression_of(graph, size);
    if (e.kind == CLADE_SIZE_SYMBOL) {
        clade_text_add(out, "%s", symbol_names[e.a]);
        return;
    }
    if (enclosed) clade_text_add(out, "(");
    print_size(graph, e.a, true, out);
    clade_text_add(out, "%s", signs[e.kind]);
    print_size(graph, e.b, true, out);
    if (enclosed) clade_text_add(out, ")");
}

const char *clade_size_text(clade_graph *graph, clade_size size) {
    clade_text text = { .context = graph->context };
    print_size(graph, size, false, &text);
    const char *copy = clade_arena_string(&graph->arena, clade_text_get(&text));
    clade_text_free(&text);
    return copy ? copy : "?";
}

int64_t clade_size_value(const clade_graph *graph, clade_size size, clade_binding binding) {
    if (is_number(size)) return size;
    clade_size_expression e = *expression_of(graph, size);
    if (e.kind == CLADE_SIZE_SYMBOL) return e.a == 0 ? binding.batch : binding.time;
    int64_t a = clade_size_value(graph, e.a, binding), b = clade_size_value(graph, e.b, binding), result = -1;
    if (a < 0 || b < 0) return -1;
    if (e.kind == CLADE_SIZE_QUOTIENT) return b ? a / b : -1;
    bool overflows =
        e.kind == CLADE_SIZE_SUM ? __builtin_add_overflow(a, b, &result) : __builtin_mul_overflow(a, b, &result);
    return overflows ? -1 : result;
}

int64_t clade_dims_value(const clade_graph *graph, const clade_dims *dims, clade_binding binding, int64_t sizes[]) {
    int64_t count = 1;
    for (int32_t i = 0; i < dims->rank; i++) {
        int64_t size = clade_size_value(graph, dims->size[i], binding);
        if (sizes) sizes[i] = size;
        if (size < 0 || count < 0 || __builtin_mul_overflow(count, size, &count)) count = -1;
    }
    return count;
}

bool clade_dims_broadcast(const clade_dims *a, const clade_dims *b, clade_dims *out) {
    clade_dims result = { .rank = a->rank > b->rank ? a->rank : b->rank };
    for (int32_t i = 0; i < result.rank; i++) {
        int32_t from_a = i - (result.rank - a->rank), from_b = i - (result.rank - b->rank);
        clade_size size_a = from_a < 0 ? 1 : a->size[from_a], size_b = from_b < 0 ? 1 : b->size[from_b];
        if (size_a != size_b && size_a != 1 && size_b != 1) return false;
        result.size[i] = size_a == 1 ? size_b : size_a;
    }
    *out = result;
    return true;
}
