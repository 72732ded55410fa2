/* Checks the options of CSV. */
#include "lib/check.h"
#include "lib/io/csv_private.h"

#include <inttypes.h>
#include <string.h>

tl_status tl_csv_check_options(const char *who, const tl_csv_options *o, tl_csv_options *to)
{
    static const char refused[] = "\"\r\n +-._0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    *to = o ? *o : (tl_csv_options){ 0 };
    if (to->separator == '\0')
        to->separator = ',';
    if (strchr(refused, to->separator))
        return tl_fail(TL_ERR_ARGUMENT,
                       "%s: separator 0x%02x is a letter, digit, space, quote, sign or point", who,
                       (unsigned)(unsigned char)to->separator);
    if (to->missing < TL_CSV_MISSING_ERROR || to->missing > TL_CSV_MISSING_SKIP)
        return tl_fail(TL_ERR_ARGUMENT, "%s: missing %d is not a tl_csv_missing", who, (int)to->missing);
    if (to->n_choices < 0 || (to->n_choices > 0 && !to->choices))
        return tl_fail(TL_ERR_ARGUMENT, "%s: %s", who,
                       to->choices ? "n_choices is negative" : "choices is NULL");
    for (int32_t k = 0; k < to->n_choices; k++)
        if (!to->choices[k].name || to->choices[k].kind < TL_CSV_AUTO || to->choices[k].kind > TL_CSV_SKIP)
            return tl_fail(TL_ERR_ARGUMENT, "%s: choices[%" PRId32 "]: %s", who, k,
                           to->choices[k].name ? "its kind is not a tl_csv_kind" : "its name is NULL");
    return tl_check_reserved(who, to, offsetof(tl_csv_options, reserved1), sizeof *to);
}
