"""Questionnaires of the clinic: FHIR R4 Questionnaire read into a form, filled in off line, QuestionnaireResponse out."""
