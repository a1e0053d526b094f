# SPDX-License-Identifier: Apache-2.0
# Completion of ecswitchctl(8) for bash. The tool itself knows what may follow.

_ecswitchctl()
{
	local cur prev words cword

	# MAC addresses and --instance=NAME are one word, though readline splits them.
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n := cur prev words cword
	else
		words=("${COMP_WORDS[@]}") cword=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]}
	fi
	mapfile -t COMPREPLY < <("${words[0]}" --complete "${words[@]:1:cword}" 2>/dev/null)
	if [[ ${COMPREPLY[0]-} == @files ]]; then
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	elif declare -F __ltrim_colon_completions >/dev/null; then
		__ltrim_colon_completions "$cur"
	fi
}
complete -F _ecswitchctl ecswitchctl
