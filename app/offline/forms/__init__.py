"""Questionnaires: a FHIR R4 Questionnaire read into a form and filled in off line; a QuestionnaireResponse out."""
