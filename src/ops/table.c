/* Finding a row of the operator table by its name. */
#include "ops/op.h"

#include <string.h>

const clade_op *clade_op_find(const char *name) {
    for (const clade_op *const *row = clade_op_table; *row; row++) {
        if (strcmp((*row)->name, name) == 0) return *row;
    }
    return NULL;
}
