from web.templatetags.admin_cards import labelled


def test_cells_carry_their_columns_name():
    cells = ['<td class="field-state">x</td>', '\n<th class="field-what"><a href="#">y</a></th>', "<input>"]
    headers = [{"text": "state"}, {"text": '<b>"what"</b>'}, {"text": "none"}]
    assert list(labelled(cells, headers)) == [
        '<td data-label="State" class="field-state">x</td>',
        '\n<th data-label="&quot;what&quot;" class="field-what"><a href="#">y</a></th>',
        "<input>",
    ]
