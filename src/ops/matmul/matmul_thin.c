/* The matrix product on CPU-like devices where A has few rows, as in the dense layers of a small batch, or B few columns:
 * bound by the reading of the other factor (kernels/gemm_thin.cl). */
#include "ops/matmul/matmul.h"
#include "ops/matmul/panels.h"

#include <stdio.h>

enum {
    MOST_ROWS = 4,
    VECTOR = 16,
    MOST_SUMS = 16,     /* vectors of a work-item of `sums` */
    FEWEST_VECTORS = 4, /* of a row, there */
    ENOUGH_BLOCKS = 8,  /* of columns: with fewer, work-items take fewer vectors */
    ENOUGH_GROUPS = 32, /* to keep a CPU's cores evenly busy */
    MOST_COLUMNS = 64,  /* of a work-item of `dots` */
    FEWEST_COLUMNS = 4,
    ENOUGH_COLUMNS = 256, /* for work-items to divide */
    MOST_ARGUMENTS = 10 + CLADE_TAIL_ARGUMENTS
};

/* The product as it is carried out; TURNED: C^T = op(B)^T op(A)^T. */
typedef struct thin {
    clade_product p;
    bool turned;
} thin;

static thin thin_at(const clade_site *site) {
    const clade_product p = clade_product_at(site);
    if (p.m <= MOST_ROWS || p.n > MOST_ROWS) return (thin){ p, false };
    const clade_product turned = {
        .m = p.n,
        .n = p.m,
        .k = p.k,
        .a_row_step = p.b_column_step,
        .a_k_step = p.b_k_step,
        .b_k_step = p.a_k_step,
        .b_column_step = p.a_row_step,
    };
    return (thin){ turned, true };
}

/* Whether each column of op(B) lies together. */
static bool takes_dots(const clade_product *p) {
    return p->b_k_step == 1 && p->a_k_step == 1;
}

static bool applicable(const clade_site *site, char why[128]) {
    const thin t = thin_at(site);
    const bool dots = takes_dots(&t.p);
    const char *wrong = NULL;
    if (t.p.m > MOST_ROWS)
        wrong = "needs at most 4 rows or columns";
    else if (!dots && t.p.b_column_step != 1)
        wrong = "needs the few rows or columns to lie together as the others do";
    else if (!dots && t.p.n < VECTOR * FEWEST_VECTORS)
        wrong = "needs at least 64 columns";
    else if (!dots && t.turned && t.p.m > 1)
        wrong = "needs a single column where A is transposed";
    if (wrong != NULL) snprintf(why, 128, "%s", wrong);
    return wrong == NULL;
}

static double suitability(const clade_site *site) {
    return site->device->capabilities.is_cpu ? (thin_at(site).p.n >= ENOUGH_COLUMNS ? 4 : 1) : 0;
}

/* Columns of a work-item of `dots`. */
static int64_t column_block(const clade_product *p) {
    int64_t block = MOST_COLUMNS;
    while (block > FEWEST_COLUMNS && clade_blocks(p->n, block) < ENOUGH_GROUPS) {
        block /= 2;
    }
    return block;
}

/* Rows of the program: 1, 2 or 4. */
static int64_t rows_of(const clade_product *p) {
    return p->m > 2 ? MOST_ROWS : p->m;
}

/* Vectors of a row that a work-item of `sums` adds up: the wider, the better memory is read. */
static int64_t vectors_of(const clade_product *p) {
    const int64_t most = MOST_SUMS / rows_of(p);
    return p->n >= ENOUGH_BLOCKS * VECTOR * most ? most : FEWEST_VECTORS;
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const thin t = thin_at(site);
    const clade_product *p = &t.p;
    const bool dots = takes_dots(p);
    const int64_t block = dots ? column_block(p) : VECTOR * vectors_of(p);
    clade_argument arguments[MOST_ARGUMENTS] = {
        clade_buffer_argument(site->in[t.turned].buffer),
        clade_buffer_argument(site->in[!t.turned].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_int_argument(p->m),
        clade_int_argument(p->n),
        clade_int_argument(p->k),
    };
    size_t count = 6;
    if (dots) {
        arguments[count++] = clade_int_argument(block);
        arguments[count++] = clade_int_argument(t.turned ? 1 : p->n);
        arguments[count++] = clade_int_argument(t.turned ? p->m : 1);
    } else {
        arguments[count++] = clade_int_argument(p->a_row_step);
        arguments[count++] = clade_int_argument(p->a_k_step);
    }
    arguments[count++] = clade_int_argument(t.turned);
    clade_tail_arguments(site, arguments + count);
    char options[64];
    const char *fma = clade_panels_options(site);
    snprintf(options, sizeof options, "-DROWS=%d -DVECTORS=%d %s", (int)rows_of(p),
             dots ? FEWEST_VECTORS : (int)vectors_of(p), fma != NULL ? fma : "");
    return clade_commands_launch(commands, &(clade_launch){
                                               .file = "gemm_thin.cl",
                                               .options = options,
                                               .kernel = dots ? "dots" : "sums",
                                               .label = site->label,
                                               .global = { (size_t)clade_blocks(p->n, block) },
                                               .local = { 1 },
                                               .arguments = arguments,
                                               .argument_count = count + CLADE_TAIL_ARGUMENTS,
                                               .flops = 2.0 * (double)p->m * (double)p->n * (double)p->k,
                                               .bytes = 4.0 * (double)(p->m * p->k + p->k * p->n + p->m * p->n),
                                           });
}

const clade_implementation clade_matmul_thin = {
    .name = "thin",
    .applicable = applicable,
    .suitability = suitability,
    .tail = true,
    .record = record,
};
