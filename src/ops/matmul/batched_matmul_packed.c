/* The batched matrix product on CPU-like devices (kernels/gemm_batched.cl): a work-item for a block of one of the
 * products, panels of B packed in local memory. How C is cut depends on the sizes and the local memory alone. */
#include "ops/matmul/batched_matmul.h"
#include "ops/matmul/panels.h"

#include <stdio.h>

enum {
    LEAST_LOCAL = 4096,
    ENOUGH_GROUPS = 32, /* to keep a CPU's cores evenly busy */
    MOST_ROWS = 512,
    FEWEST_ROWS = 16, /* fewer would pack B too often */
    MOST_COLUMNS = 256,
    K_BLOCK = 256,
    OWN_ARGUMENTS = 15
};

typedef struct cut {
    int64_t m_block, n_block, k_block;
} cut;

static int64_t group_count(const clade_batched_product *p, const cut *c) {
    return clade_blocks(p->m, c->m_block) * clade_blocks(p->n, c->n_block) * p->count;
}

static cut cut_of(const clade_site *site, const clade_batched_product *p) {
    const int64_t panel_step = CLADE_PANEL_COLUMNS * (int64_t)sizeof(float);
    const int64_t most_steps = (int64_t)site->device->capabilities.local_memory / 2 / panel_step;
    cut c = {
        .m_block = clade_smaller(MOST_ROWS, clade_round_up(p->m, CLADE_PANEL_ROWS)),
        .n_block = clade_smaller(MOST_COLUMNS, clade_round_up(p->n, CLADE_PANEL_COLUMNS)),
        .k_block = clade_smaller(clade_smaller(K_BLOCK, most_steps), p->k),
    };
    while (c.n_block > CLADE_PANEL_COLUMNS && group_count(p, &c) < ENOUGH_GROUPS) {
        c.n_block = clade_round_up(c.n_block / 2, CLADE_PANEL_COLUMNS);
    }
    while (c.m_block > FEWEST_ROWS && group_count(p, &c) < ENOUGH_GROUPS) {
        c.m_block = clade_round_up(c.m_block / 2, CLADE_PANEL_ROWS);
    }
    return c;
}

static bool applicable(const clade_site *site, char why[128]) {
    if (site->device->capabilities.local_memory >= LEAST_LOCAL) return true;
    snprintf(why, 128, "needs %d bytes of local memory", LEAST_LOCAL);
    return false;
}

static double suitability(const clade_site *site) {
    return site->device->capabilities.is_cpu ? 3 : 0;
}

static clade_status record(const clade_site *site, clade_commands *commands) {
    const clade_batched_product p = clade_batched_product_at(site);
    const cut c = cut_of(site, &p);
    clade_argument arguments[OWN_ARGUMENTS + CLADE_BATCH_ARGUMENTS] = {
        clade_buffer_argument(site->in[0].buffer),
        clade_buffer_argument(site->in[1].buffer),
        clade_buffer_argument(site->out[0].buffer),
        clade_local_argument(clade_panels_local(c.k_block)),
        clade_int_argument(p.m),
        clade_int_argument(p.n),
        clade_int_argument(p.k),
        clade_int_argument(p.a_row_step),
        clade_int_argument(p.a_k_step),
        clade_int_argument(p.b_k_step),
        clade_int_argument(p.b_column_step),
        clade_int_argument(c.m_block),
        clade_int_argument(c.n_block),
        clade_int_argument(c.k_block),
        clade_int_argument(p.count),
    };
    clade_batched_arguments(&p, arguments + OWN_ARGUMENTS);
    return clade_commands_launch(
        commands,
        &(clade_launch){
            .file = "gemm_batched.cl",
            .options = clade_panels_options(site),
            .kernel = "multiply_batch",
            .label = site->label,
            .global = { (size_t)clade_blocks(p.n, c.n_block), (size_t)clade_blocks(p.m, c.m_block), (size_t)p.count },
            .arguments = arguments,
            .argument_count = sizeof arguments / sizeof arguments[0],
            .flops = 2.0 * (double)p.count * (double)p.m * (double)p.n * (double)p.k,
            .bytes = 4.0 * (double)(site->in[0].count + site->in[1].count + site->out[0].count),
        });
}

const clade_implementation clade_batched_matmul_packed = {
    .name = "packed",
    .applicable = applicable,
    .suitability = suitability,
    .record = record,
};
