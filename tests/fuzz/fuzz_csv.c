/* The CSV reader on arbitrary bytes: it answers or refuses, within memory in proportion to the bytes. */
#include "formats/csv.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count) {
    clade_context *context = clade_context_new(NULL);
    if (!context) return 0;
    clade_csv table;
    if (clade_csv_decode(context, "fuzz", data, count, &table) == CLADE_OK) {
        size_t length = 0;
        for (int64_t row = -1; row < table.rows; row++)
            for (int64_t column = 0; column < table.columns; column++)
                length += strlen(clade_csv_field(&table, row, column));
        if (length > count) __builtin_trap();
        clade_csv_free(context, &table);
    }
    clade_context_free(context);
    return 0;
}
