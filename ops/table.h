/* The check of ids for lookups. Its message names the table. */
#ifndef TL_TABLE_H
#define TL_TABLE_H

#include "op.h"

#include <stdio.h>

/* Checks that each of n ids is a row of the table, or *padding if that is not NULL. TL_ERR_INDEX reads
 * "ids[7] = 12, table emb (10x4) has 10 rows". */
static inline tl_status tl_check_rows(const tl_node *table, const int32_t *ids, int64_t n,
                                      const int32_t *padding)
{
    const int64_t rows = table->shape.dim[0];
    tl_status status = tl_check_ids("ids", ids, n, rows, padding, "table", "rows");
    if (status ==
        TL_ERR_INDEX) { /* checks again with the table's name, which is formatted only for a message */
        char of[sizeof(tl_text) + sizeof "table "];
        snprintf(of, sizeof of, "table %s", tl_node_text(table).text);
        status = tl_check_ids("ids", ids, n, rows, padding, of, "rows");
    }
    return status;
}

#endif
