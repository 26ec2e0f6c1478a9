/* ONNX's Einsum: sums of products over labelled axes. Operands are joined one by one: what only one of a pair has and nobody
 * asks for later is summed first, and the pair is a matrix product over (labels of both that stay, rows, columns). */
#include "formats/onnx/import.h"

#include <stdio.h>
#include <string.h>

enum { MOST_LABELS = 32, MOST_OPERANDS = 8 };

/* An array whose axis i is labelled LABELS[i]. */
typedef struct term {
    clade_value value;
    char labels[MOST_LABELS + 1];
} term;

typedef struct equation {
    clade_onnx_node *node;
    char in[MOST_OPERANDS][MOST_LABELS + 1], out[MOST_LABELS + 1];
    int count;
} equation;

/* ---- reading ---- */

/* An ellipsis stands for the axes that the other labels leave, '0' the innermost, '1' outside it, ... */
static bool expand_ellipsis(equation *e, const char *from, size_t length, int rank, char to[MOST_LABELS + 1]) {
    int letters = 0, at = 0, dots = 0;
    for (size_t i = 0; i < length; i++) {
        letters += from[i] != '.' && from[i] != ' ';
        dots += from[i] == '.';
    }
    const int left = rank - letters;
    if ((dots != 0 && dots != 3) || left < 0 || rank > CLADE_MAX_RANK || (rank >= 0 && dots == 0 && left != 0))
        return clade_onnx_refuse(e->node, "its equation does not fit the operands");
    for (size_t i = 0; i < length; i++) {
        if (from[i] == ' ') continue;
        if (from[i] == '.') {
            for (int k = left; k-- > 0;)
                to[at++] = (char)('0' + k);
            i += 2;
            continue;
        }
        to[at++] = from[i];
    }
    to[at] = '\0';
    return true;
}

static int label_count(const equation *e, char label) {
    int count = 0;
    for (int i = 0; i < e->count; i++)
        for (const char *c = e->in[i]; *c != '\0'; c++)
            count += *c == label;
    return count;
}

/* Without an arrow the output has an ellipsis's axes and every label that occurs once, in the alphabet's order. */
static void implied_output(equation *e) {
    int at = 0;
    for (int digit = 7; digit >= 0; digit--)
        if (label_count(e, (char)('0' + digit)) > 0) e->out[at++] = (char)('0' + digit);
    for (int c = 'A'; c <= 'z'; c++)
        if (label_count(e, (char)c) == 1 && at < CLADE_MAX_RANK) e->out[at++] = (char)c;
    e->out[at] = '\0';
}

static bool read_equation(equation *e, const char *text) {
    const char *arrow = strstr(text, "->"), *end = arrow != NULL ? arrow : text + strlen(text);
    int widest = 0;
    for (const char *at = text; at <= end && e->count < MOST_OPERANDS;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma != NULL ? comma : end;
        if (e->count >= e->node->in_count || stop - at > MOST_LABELS)
            return clade_onnx_refuse(e->node, "its equation does not fit the operands");
        const int rank = clade_onnx_dims_of(e->node, e->count).rank;
        if (!expand_ellipsis(e, at, (size_t)(stop - at), rank, e->in[e->count])) return false;
        for (const char *c = e->in [e->count]; *c != '\0'; c++)
            if (*c >= '0' && *c <= '9' && *c - '0' + 1 > widest) widest = *c - '0' + 1;
        e->count++;
        at = stop + 1;
    }
    if (e->count != e->node->in_count) return clade_onnx_refuse(e->node, "its equation does not fit the operands");
    if (arrow == NULL) {
        implied_output(e);
        return true;
    }
    const size_t length = strlen(arrow + 2);
    int letters = 0;
    for (size_t i = 0; i < length; i++)
        letters += arrow[2 + i] != '.' && arrow[2 + i] != ' ';
    const int rank = letters + (strchr(arrow + 2, '.') != NULL ? widest : 0);
    return length <= MOST_LABELS && expand_ellipsis(e, arrow + 2, length, rank, e->out);
}

/* ---- terms ---- */

static int axis_of(const term *t, char label) {
    const char *found = strchr(t->labels, label);
    return found != NULL ? (int)(found - t->labels) : -1;
}

static void transpose_to(term *t, const char *labels) {
    int32_t permutation[CLADE_MAX_RANK];
    const int rank = (int)strlen(labels);
    bool moves = false;
    for (int i = 0; i < rank; i++) {
        permutation[i] = axis_of(t, labels[i]);
        moves = moves || permutation[i] != i;
    }
    if (moves) t->value = clade_transpose_by(t->value, permutation, rank);
    memmove(t->labels, labels, (size_t)rank + 1);
}

/* A label that occurs twice becomes one axis, the diagonal: every (size + 1)-th element of the two axes as one. */
static bool take_diagonals(equation *e, term *t) {
    for (int i = 0; t->labels[i] != '\0'; i++) {
        const char *again = strchr(t->labels + i + 1, t->labels[i]);
        if (again == NULL) continue;
        const int second = (int)(again - t->labels), rank = (int)strlen(t->labels);
        clade_dims dims = clade_value_dims(t->value);
        const int64_t size = dims.size[i];
        if (size != dims.size[second] || size < 1) return clade_onnx_refuse(e->node, "a diagonal of two sizes");
        int32_t permutation[CLADE_MAX_RANK], at = 0;
        char labels[MOST_LABELS + 1];
        for (int k = 0; k < rank; k++) {
            if (k == i || k == second) continue;
            labels[at] = t->labels[k];
            permutation[at++] = k;
        }
        permutation[at] = i;
        permutation[at + 1] = second;
        labels[at] = t->labels[i];
        labels[at + 1] = '\0';
        t->value = clade_transpose_by(t->value, permutation, rank);
        dims = clade_value_dims(t->value);
        dims.rank = rank - 1;
        dims.size[rank - 2] = size * size;
        clade_slice_options cut = { .size = sizeof cut, .x = clade_reshape(t->value, dims) };
        cut.step[rank - 2] = size + 1;
        t->value = clade_slice_with(&cut);
        memcpy(t->labels, labels, sizeof labels);
        i = -1;
    }
    return true;
}

/* Whether the output or an operand from FROM on has LABEL. */
static bool wanted(const equation *e, char label, int from) {
    if (strchr(e->out, label) != NULL) return true;
    for (int i = from; i < e->count; i++)
        if (strchr(e->in[i], label) != NULL) return true;
    return false;
}

/* Sums what nobody from FROM on, nor OTHER, asks for. */
static void sum_alone(const equation *e, term *t, const term *other, int from) {
    uint32_t axes = 0;
    int at = 0;
    for (int i = 0; t->labels[i] != '\0'; i++) {
        const char label = t->labels[i];
        if (wanted(e, label, from) || (other != NULL && axis_of(other, label) >= 0))
            t->labels[at++] = label;
        else
            axes |= 1u << i;
    }
    t->labels[at] = '\0';
    if (axes != 0) t->value = clade_sum(t->value, axes, false);
}

/* The product of T's sizes of LABELS, which also go to DIMS. */
static clade_size sizes_of(const equation *e, const term *t, const char *labels, clade_dims *dims) {
    const clade_dims own = clade_value_dims(t->value);
    clade_size product = 1;
    for (const char *c = labels; *c != '\0'; c++) {
        const clade_size size = own.size[axis_of(t, *c)];
        if (dims != NULL && dims->rank < CLADE_MAX_RANK) dims->size[dims->rank++] = size;
        product = clade_size_multiply(e->node->graph, product, size);
    }
    return product;
}

static void append(char *labels, char label) {
    const size_t length = strlen(labels);
    if (length >= MOST_LABELS) return;
    labels[length] = label;
    labels[length + 1] = '\0';
}

/* A and B as one, FROM being the first operand that is still to come. Shared labels have equal sizes. */
static bool join(const equation *e, term *a, term *b, int from) {
    char both[MOST_LABELS + 1] = "", inner[MOST_LABELS + 1] = "", rows[MOST_LABELS + 1] = "";
    char columns[MOST_LABELS + 1] = "", order[3 * MOST_LABELS + 1];
    sum_alone(e, a, b, from);
    sum_alone(e, b, a, from);
    for (const char *c = a->labels; *c != '\0'; c++)
        append(axis_of(b, *c) < 0 ? rows : wanted(e, *c, from) ? both : inner, *c);
    for (const char *c = b->labels; *c != '\0'; c++)
        if (axis_of(a, *c) < 0) append(columns, *c);
    if (strlen(both) + strlen(rows) + strlen(columns) > CLADE_MAX_RANK)
        return clade_onnx_refuse(e->node, "a product of rank above %d", CLADE_MAX_RANK);
    clade_dims to = { 0 };
    snprintf(order, sizeof order, "%s%s%s", both, rows, inner);
    transpose_to(a, order);
    snprintf(order, sizeof order, "%s%s%s", both, inner, columns);
    transpose_to(b, order);
    const clade_size batch_a = sizes_of(e, a, both, &to), batch_b = sizes_of(e, b, both, NULL);
    const clade_size m = sizes_of(e, a, rows, &to), k = sizes_of(e, a, inner, NULL), n = sizes_of(e, b, columns, &to);
    if (batch_a != batch_b || sizes_of(e, b, inner, NULL) != k)
        return clade_onnx_refuse(e->node, "operands whose sizes differ under one label");
    const clade_value x = clade_reshape(a->value, clade_shape(batch_a, m, k));
    const clade_value y = clade_reshape(b->value, clade_shape(batch_a, k, n));
    a->value = clade_reshape(clade_batched_matmul(x, y, false, false), to);
    snprintf(order, sizeof order, "%s%s%s", both, rows, columns);
    memcpy(a->labels, order, MOST_LABELS + 1);
    return true;
}

static bool translate_einsum(clade_onnx_node *node) {
    const Onnx__AttributeProto *attribute = clade_onnx_attribute(node, "equation");
    char text[256] = "";
    equation e = { .node = node };
    if (attribute == NULL || !attribute->has_s || attribute->s.len >= sizeof text)
        return clade_onnx_refuse(node, "it has no equation, or one of more than 255 characters");
    memcpy(text, attribute->s.data, attribute->s.len);
    if (!read_equation(&e, text)) return false;
    term all = { .value = CLADE_NO_VALUE };
    for (int i = 0; i < e.count; i++) {
        term next = { .value = clade_onnx_real(node, i) };
        memcpy(next.labels, e.in[i], sizeof next.labels);
        if (!take_diagonals(&e, &next)) return false;
        if (i == 0)
            all = next;
        else if (!join(&e, &all, &next, i + 1))
            return false;
    }
    sum_alone(&e, &all, NULL, e.count);
    for (const char *c = e.out; *c != '\0'; c++)
        if (axis_of(&all, *c) < 0) return clade_onnx_refuse(node, "the output has a label that no operand has");
    transpose_to(&all, e.out);
    return clade_onnx_give(node, clade_cast(all.value, clade_onnx_type_storage(clade_onnx_type(node, 0))));
}

const clade_onnx_translator clade_onnx_einsum[] = {
    { "Einsum", translate_einsum, 0 },
    { NULL, NULL, 0 },
};
